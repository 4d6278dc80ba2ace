import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Found } from '../../bench/debian.ts'
import { Program } from '../../bench/processes.ts'
import type { Upstream } from '../../src/apps/lease.ts'
import { createEdge } from '../../src/edge/edge.ts'
import { HandApp } from '../../src/edge/fixture.ts'
import { silent } from '../../src/log.ts'

/** Where a visitor connects to. */
export type Address = { path: string } | { host: string; port: number }

/**
 * A proxy in front of a number of apps, each with an address of its own, so that none meets what another
 * left.
 */
export type Front = AsyncDisposable & { name: string; version: string; addresses: readonly Address[] }

/** How long a proxy may take to start, ms. */
const patience = 10_000

/** The edge of this project. */
export async function startDormice(upstreams: readonly Upstream[]): Promise<Front> {
  const edges = upstreams.map(upstream => {
    const app = new HandApp(upstream)
    return createEdge({
      resolve: name => (name === 'app' ? app : undefined),
      control: (_, res) => res.end('control'),
      domain: 'localhost',
      log: silent,
    })
  })
  const addresses = await Promise.all(edges.map(edge => edge.listen({ host: '127.0.0.1', port: 0 })))
  return {
    name: 'dormice',
    version: process.version,
    addresses: addresses.map(({ port }) => ({ host: '127.0.0.1', port })),
    async [Symbol.asyncDispose]() {
      await Promise.all(edges.map(edge => edge.close({ drain: 0 })))
    },
  }
}

/** nginx, told to do what Dormice does: to keep connections and not to hold bodies back. */
export async function startNginx(
  nginx: Found,
  folder: string,
  upstreams: readonly Upstream[],
): Promise<Front> {
  const servers = upstreams.map(
    ({ host, port }, index) => `
  upstream app${index} { server ${host}:${port}; keepalive 8; }
  server { listen unix:${folder}/nginx-${index} default_server; return 404; }
  server {
    listen unix:${folder}/nginx-${index};
    server_name app.localhost;
    location / { proxy_pass http://app${index}; }
  }`,
  )
  const temporary = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi']
  const config = `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join(' ')}
  # Long hosts of many servers need more than there is by default.
  server_names_hash_bucket_size 128;
  # Dormice takes 16 KiB in all, in one line if need be.
  large_client_header_buffers 4 16k;
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_buffering off;
  # And 64 KiB of headers of an answer.
  proxy_buffer_size 64k;
  proxy_buffers 4 64k;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For 127.0.0.1;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Request-Id $request_id;
${servers.join('')}
}
`
  const file = join(folder, 'nginx.conf')
  await writeFile(file, config)
  return start(
    'nginx',
    nginx,
    ['-c', file, '-p', folder, '-e', `${folder}/nginx.log`],
    folder,
    upstreams.length,
  )
}

/** HAProxy, told the same. */
export async function startHaproxy(
  haproxy: Found,
  folder: string,
  upstreams: readonly Upstream[],
): Promise<Front> {
  const sections = upstreams.map(
    ({ host, port }, index) => `
frontend front${index}
  bind unix@${folder}/haproxy-${index}
  http-request deny deny_status 404 unless { req.hdr(host),host_only -i app.localhost }
  http-request set-header X-Forwarded-For 127.0.0.1
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend app${index}
backend app${index}
  server app ${host}:${port}
`,
  )
  const config = `
global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${sections.join('')}
`
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, config)
  return start('haproxy', haproxy, ['-db', '-f', file], folder, upstreams.length)
}

async function start(
  name: string,
  { path, env }: Found,
  args: string[],
  folder: string,
  count: number,
): Promise<Front> {
  const version = await askVersion(path, env)
  const program = new Program(name, [path, ...args], env)
  const addresses = Array.from({ length: count }, (_, index) => ({ path: join(folder, `${name}-${index}`) }))
  const over = new AbortController()
  try {
    await Promise.race([accepting(addresses, over.signal), program.failed()])
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  } finally {
    over.abort()
  }
  return { name, version, addresses, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

/** Resolves once every address takes connections. */
async function accepting(addresses: readonly Address[], signal: AbortSignal): Promise<void> {
  const last = performance.now() + patience
  for (const address of addresses) {
    for (;;) {
      signal.throwIfAborted()
      const socket = connect(address)
      try {
        await once(socket, 'connect')
        break
      } catch (error) {
        if (performance.now() > last) throw error
        await pause(20)
      } finally {
        socket.destroy()
      }
    }
  }
}

/** The first number with dots in what `-v` prints. */
function askVersion(path: string, env: Record<string, string>): Promise<string> {
  return new Promise(resolve => {
    execFile(path, ['-v'], { env: { ...process.env, ...env } }, (_, stdout, stderr) => {
      resolve(/\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0] ?? 'of unknown version')
    })
  })
}
