import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Found } from './debian.ts'
import { untilAnswered } from './first-answer.ts'
import { freePort } from './free-port.ts'
import { onCore, Program } from './processes.ts'

/** A server of a benchmark that answers. */
export type Server = { program: Program; port: number }

/** What the requests are for; every proxy routes by it. */
export const host = 'app.localhost'

/** More kept connections than the load has: none is ever opened anew under load. */
const kept = 64

/** Never closes a kept connection because of how many requests it had; nginx would after 1,000. */
const forever = 'keepalive_requests 1000000000;'

const nginxGlobals = (folder: string) => `
# One process of work on one core, like the others.
worker_processes 1;
daemon off;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 1024; }
`
const nginxHttp = (folder: string) => `
  # Dormice's records are made but not written: neither are nginx's.
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  scgi_temp_path ${folder}/scgi;
  uwsgi_temp_path ${folder}/uwsgi;
  keepalive_timeout 65s;
  ${forever}
`

/** The app behind all proxies: nginx with a small fixed answer, on the core of the load. */
export function startUpstream(nginx: Found, folder: string): Promise<Server> {
  return startNginx(
    nginx,
    join(folder, 'upstream'),
    1,
    (port, at) => `${nginxGlobals(at)}
http {${nginxHttp(at)}
  default_type text/plain;
  server {
    listen 127.0.0.1:${port};
    location / { return 200 "hello\\n"; }
  }
}`,
  )
}

/** nginx as a proxy that keeps its connections to the upstream and tells it what Dormice tells it. */
export function startNginxProxy(nginx: Found, folder: string, upstream: number): Promise<Server> {
  return startNginx(
    nginx,
    join(folder, 'nginx'),
    0,
    (port, at) => `${nginxGlobals(at)}
http {${nginxHttp(at)}
  # Without these nginx opens a connection to the upstream for every request.
  upstream app { server 127.0.0.1:${upstream}; keepalive ${kept}; ${forever} }
  server {
    listen 127.0.0.1:${port};
    server_name ${host};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
    }
  }
}`,
  )
}

async function startNginx(
  nginx: Found,
  folder: string,
  core: 0 | 1,
  config: (port: number, folder: string) => string,
): Promise<Server> {
  const port = await freePort()
  await mkdir(folder)
  const file = join(folder, 'nginx.conf')
  await writeFile(file, config(port, folder))
  return answering(
    new Program('nginx', onCore(core, [nginx.path, '-c', file, '-p', folder]), nginx.env),
    port,
  )
}

/** Caddy as a proxy; it keeps connections and sets X-Forwarded-* by itself. */
export async function startCaddyProxy(caddy: Found, folder: string, upstream: number): Promise<Server> {
  const port = await freePort()
  const at = join(folder, 'caddy')
  await mkdir(at)
  const file = join(at, 'Caddyfile')
  await writeFile(
    file,
    `{
  admin off
  auto_https off
  log {
    output discard
  }
}
http://${host}:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstream} {
    transport http {
      versions 1.1
      keepalive_idle_conns ${kept}
      keepalive_idle_conns_per_host ${kept}
      # It would ask the upstream for gzip, which nobody else does.
      compression off
    }
  }
}
`,
  )
  // One thread of Go code, as the core is one; HOME because it keeps its state there.
  const env = { ...caddy.env, GOMAXPROCS: '1', HOME: at, XDG_DATA_HOME: at, XDG_CONFIG_HOME: at }
  const command = [caddy.path, 'run', '--config', file, '--adapter', 'caddyfile']
  return answering(new Program('caddy', onCore(0, command), env), port)
}

/** One of this folder's own proxies, in Node. */
export async function startNodeProxy(file: string, upstream: number): Promise<Server> {
  const command = [process.execPath, join(import.meta.dirname, file), String(upstream)]
  const program = new Program(file, onCore(0, command))
  return answering(program, Number(await program.line()))
}

/** Resolves once the program answers with the upstream's answer; ends it when it does not. */
async function answering(program: Program, port: number): Promise<Server> {
  const over = new AbortController()
  try {
    const { status } = await Promise.race([
      untilAnswered({ host: '127.0.0.1', port, hostHeader: host }, over.signal),
      program.failed(),
    ])
    if (status !== 200) throw new Error(`a proxy answered ${status} instead of passing the request on`)
    return { program, port }
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  } finally {
    over.abort()
  }
}
