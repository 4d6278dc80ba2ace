// Server-sent events: a tick each second for as long as the page is open. An open stream keeps the app awake.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('page.html', import.meta.url))

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://app')
  if (pathname === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
  else if (pathname === '/events') stream(response)
  else response.writeHead(404).end('there are / and /events\n')
})
server.listen(process.env.PORT ?? 8080, '0.0.0.0')

function stream(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let count = 0
  const tick = () => {
    count += 1
    response.write(`id: ${count}\ndata: ${JSON.stringify({ count, time: new Date().toISOString() })}\n\n`)
  }
  tick()
  const timer = setInterval(tick, 1000)
  response.on('close', () => clearInterval(timer))
}
