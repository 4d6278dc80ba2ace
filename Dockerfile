# The host as an image. It starts its apps as containers beside its own, on the same engine:
#
#   docker build -t dormice .
#   docker run -d --name dormice --restart unless-stopped --init --stop-timeout 90 --network host \
#     -v /var/run/docker.sock:/var/run/docker.sock -v dormice:/var/lib/dormice dormice
#
# --network host: apps have addresses on the engine's bridge, which only the machine itself reaches. It also means
# that DORMICE_LISTEN is an address of the machine; 127.0.0.1:8080 unless set.
# --init: signals reach the host as they reach any other process, and what its children leave behind is reaped.
# --stop-timeout 90: docker stop kills after 10 s, and putting every app to sleep may take longer.
# Where a proxy signs TLS, builds of apps trust it with
#   -v /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro
#
# BASE is any image of glibc Linux with Node 24, npm and `sync` (it flushes what the engine committed).
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
# Path, inside BASE, of certificate authorities to trust besides Node's own, where a proxy signs TLS.
ARG NODE_EXTRA_CA_CERTS
# Another npm registry than the public one; the predefined HTTP_PROXY, HTTPS_PROXY and NO_PROXY count too.
ARG npm_config_registry
# The engine's own builder leaves this stage behind, without a name:
# docker image prune --filter label=dormice.role=image-build
LABEL dormice.role=image-build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Without the second Node and the linter, which are for work on a clone and most of the download; the lock file still
# says which version of everything else.
RUN npm pkg delete optionalDependencies 'devDependencies[@biomejs/biome]' && npm install
COPY . .
# What the npm package holds is what a host needs. Declarations and source maps, SQLite's sources and its builds for
# other machines are half of the dependencies, and no program opens them.
RUN set -eu; \
    npm run build; \
    tar -xzf "$(npm pack --silent)"; \
    mkdir -p /out/usr/local/lib /out/usr/local/bin /out/etc/ssl/certs; \
    mkdir -p /out/var/lib; mkdir -m 700 /out/var/lib/dormice; \
    mv package /out/usr/local/lib/dormice; \
    cp package-lock.json .npmrc /out/usr/local/lib/dormice; \
    cd /out/usr/local/lib/dormice; \
    npm ci --omit=dev --omit=optional --prefer-offline; \
    find node_modules -type f \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' \) -delete; \
    rm -r node_modules/better-sqlite3/deps node_modules/better-sqlite3/src; \
    find node_modules/better-sqlite3/prebuilds -type f ! -name "linux-$(node -p process.arch).node" -delete; \
    # A slim base has no certificate authorities, but the builds of apps look for them at this path: Node's own.
    ca=/etc/ssl/certs/ca-certificates.crt; \
    [ -e $ca ] || node -e "fs.writeFileSync('/out$ca', tls.getCACertificates().join('\n'))"; \
    chmod +x dist/src/cli/main.js; \
    ln -s ../lib/dormice/dist/src/cli/main.js /out/usr/local/bin/dormice; \
    /out/usr/local/bin/dormice --version

FROM ${BASE}
COPY --from=build /out/ /
# Root, because whoever may write to the engine's socket is root on the machine anyway, and the socket's group has
# another number on every machine. Another user needs that group, and a folder of its own for the data:
#   --user 1000 --group-add "$(stat -c %g /var/run/docker.sock)" -v /srv/dormice:/var/lib/dormice
USER root
WORKDIR /
LABEL dormice.role=host-image
ENV DORMICE_DATA=/var/lib/dormice
# As `npm run up` starts it; see src/setup/host-process.mjs.
ENV NODE_OPTIONS=--max-semi-space-size=8 MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_TRIM_THRESHOLD_=8388608
VOLUME /var/lib/dormice
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["node", "-e", "const [, host, port] = /^(.*):(\\d+)$/.exec(process.env.DORMICE_LISTEN || '127.0.0.1:8080'); http.get({ host: host.replace(/[[\\]]/g, ''), port, path: '/healthz', headers: { host: 'dormice.' + (process.env.DORMICE_DOMAIN || 'localhost') } }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
CMD ["dormice", "serve"]
