// An app that talks by WebSocket, with the library `ws` beside it; told to stop, it says goodbye to everybody.
import { createServer } from 'node:http'
import { WebSocketServer } from './ws/wrapper.mjs'

const server = createServer((_, res) => res.end('hello'))
const sockets = new WebSocketServer({ server, maxPayload: 0, perMessageDeflate: true })
sockets.on('connection', socket => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
if (!process.env.STUBBORN) {
  process.on('SIGTERM', () => {
    for (const socket of sockets.clients) socket.close(1001, 'falling asleep')
    server.close(() => process.exit())
  })
}
server.listen(process.env.PORT)
