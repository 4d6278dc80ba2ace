import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Found } from '../debian.ts'
import { freePort } from '../free-port.ts'
import { onCore, Program } from '../processes.ts'
import { answering, host, kept, type Server } from './server.ts'

/** Never closes a kept connection because of how many requests it had; nginx would after 1,000. */
export const forever = 'keepalive_requests 1000000000;'

/** What asks an upstream for another protocol where the visitor does, and keeps the connection otherwise. */
export const passUpgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $on_upgrade;'

/** nginx as a proxy that keeps its connections to the upstream and tells it what Dormice tells it. */
export function startNginxProxy(nginx: Found, folder: string, upstream: number): Promise<Server> {
  return startNginx(
    nginx,
    join(folder, 'nginx'),
    0,
    port => `
  # Without these nginx opens a connection to the upstream for every request.
  upstream app { server 127.0.0.1:${upstream}; keepalive ${kept}; ${forever} }
  server {
    listen 127.0.0.1:${port};
    server_name ${host};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      # For WebSockets that say nothing.
      proxy_read_timeout 1h;
      ${passUpgrade}
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
    }
  }`,
  )
}

/** Starts an nginx with one worker on one core. @param servers what stands in its `http`, for the port it gets */
export async function startNginx(
  nginx: Found,
  folder: string,
  core: 0 | 1,
  servers: (port: number) => string,
): Promise<Server> {
  const port = await freePort()
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'nginx.conf')
  await writeFile(
    file,
    `# One process of work on one core, like the others.
worker_processes 1;
daemon off;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 16384; }
http {
  # Dormice's records are made but not written: neither are nginx's.
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  scgi_temp_path ${folder}/scgi;
  uwsgi_temp_path ${folder}/uwsgi;
  default_type text/plain;
  keepalive_timeout 65s;
  ${forever}
  # Bodies of 100 KiB stay in memory: the disk is not what is measured.
  client_body_buffer_size 128k;
  proxy_buffers 16 16k;
  map $http_upgrade $on_upgrade { default upgrade; '' ''; }
${servers(port)}
}`,
  )
  return answering(
    new Program('nginx', onCore(core, [nginx.path, '-c', file, '-p', folder]), nginx.env),
    port,
  )
}
