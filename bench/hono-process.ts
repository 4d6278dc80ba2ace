// A proxy as one writes it with Hono and fetch: `hono-process.ts <upstream port>`. It prints the port that it listens
// on.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const upstream = `http://127.0.0.1:${process.argv[2]}`
const app = new Hono()

app.all('*', ({ req }) => {
  const { method, headers, body } = req.raw
  const url = upstream + req.url.slice(req.url.indexOf('/', 'http://'.length))
  return fetch(url, { method, headers, body, duplex: 'half', redirect: 'manual' } as RequestInit)
})

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(port))
