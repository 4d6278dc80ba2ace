import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Found } from './debian.ts'
import { addressOf, appCount } from './many-apps.ts'
import { forever, passUpgrade, startNginx } from './proxies/nginx.ts'
import type { Server } from './proxies/server.ts'

/** What the upstream answers, by path. */
export const paths = {
  /** "hello" and a line's end. */
  small: '/',
  kib: '/1k',
  hundredKib: '/100k',
  /** Takes a body in whole, then answers as the small one. */
  upload: '/upload',
  /** A WebSocket that says nothing. */
  socket: '/socket',
}

/**
 * The apps behind all proxies: one nginx with fixed answers on the core of the load, at the addresses of all apps.
 * @param sockets port of what answers WebSockets, which nginx does not do itself
 */
export async function startUpstream(nginx: Found, folder: string, sockets: number): Promise<Server> {
  const at = join(folder, 'upstream')
  await mkdir(at)
  await writeFile(join(at, '100k'), 'x'.repeat(100 * 1024))
  const addresses = Array.from({ length: appCount }, (_, app) => addressOf(app))
  return startNginx(
    nginx,
    at,
    1,
    port => `
  upstream self { server 127.0.0.1:${port}; keepalive 64; ${forever} }
  open_file_cache max=1;
  sendfile on;
  server {
    ${addresses.map(address => `listen ${address}:${port};`).join(' ')}
    location / { return 200 "hello\\n"; }
    location = ${paths.kib} { return 200 "${'x'.repeat(1024)}"; }
    location = ${paths.hundredKib} { root ${at}; }
    # What is passed on is passed on once the body is here.
    location = ${paths.upload} {
      proxy_pass http://self/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_pass_request_body off;
    }
    location = ${paths.socket} {
      proxy_pass http://127.0.0.1:${sockets};
      proxy_http_version 1.1;
      proxy_read_timeout 1h;
      ${passUpgrade}
    }
  }`,
  )
}
