import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Found } from '../debian.ts'
import { freePort } from '../free-port.ts'
import { onCore, Program } from '../processes.ts'
import { answering, host, kept, type Server } from './server.ts'

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
