// A chat room over WebSocket. Open connections keep the app awake; what was said last is on its disk when it sleeps.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'

const HISTORY = 'history.jsonl'
const SHOWN = 50
const HEARTBEAT_MS = 30_000

const page = readFileSync(new URL('page.html', import.meta.url))
const history = existsSync(HISTORY) ? readFileSync(HISTORY, 'utf8').split('\n').filter(Boolean).slice(-SHOWN) : []

const server = createServer((request, response) => {
  if (request.url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
  else response.writeHead(404).end('there is /, and a WebSocket at /room\n')
})
const room = new WebSocketServer({ server, path: '/room', maxPayload: 4096 })

room.on('connection', socket => {
  for (const message of history) socket.send(message)
  socket.alive = true
  socket.on('pong', () => {
    socket.alive = true
  })
  socket.on('error', () => {}) // 'close' follows
  socket.on('message', data => {
    const said = read(data)
    if (said) tellAll(JSON.stringify({ ...said, at: new Date().toISOString() }))
  })
})

function tellAll(message) {
  history.push(message)
  if (history.length > SHOWN) history.shift()
  appendFileSync(HISTORY, `${message}\n`)
  for (const client of room.clients) if (client.readyState === WebSocket.OPEN) client.send(message)
}

function read(data) {
  try {
    const { name, text } = JSON.parse(data)
    if (typeof text === 'string' && text.trim()) return { name: String(name || 'somebody').slice(0, 40), text }
  } catch {
    // Not one of ours: ignored.
  }
  return undefined
}

// A client that vanished without a word would keep the app awake for ever.
setInterval(() => {
  for (const client of room.clients) {
    if (!client.alive) {
      client.terminate()
      continue
    }
    client.alive = false
    client.ping()
  }
}, HEARTBEAT_MS).unref()

server.listen(process.env.PORT ?? 8080, '0.0.0.0')
