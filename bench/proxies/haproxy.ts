import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Found } from '../debian.ts'
import { freePort } from '../free-port.ts'
import { onCore, Program } from '../processes.ts'
import { answering, host, type Server } from './server.ts'

/** HAProxy with one thread, which keeps its connections to the upstream and tells it what Dormice tells it. */
export async function startHaproxy(haproxy: Found, folder: string, upstream: number): Promise<Server> {
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  await writeFile(
    file,
    `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 65s
  timeout server 65s
  timeout tunnel 1h
  # Any visitor's request may go over any kept connection, as with the others.
  http-reuse always
frontend front
  bind 127.0.0.1:${port}
  http-request deny deny_status 404 unless { req.hdr(host),host_only -i ${host} }
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Request-Id %[uuid]
  default_backend app
backend app
  server app 127.0.0.1:${upstream}
`,
  )
  return answering(new Program('haproxy', onCore(0, [haproxy.path, '-db', '-f', file]), haproxy.env), port)
}
