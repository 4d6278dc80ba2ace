import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { WebSocketServer } from 'ws'

/** Bytes of a large answer. */
export const large = 1024 * 1024

const ANSWERS: Record<string, RequestListener> = {
  /** Reads the whole body and says how long it was. */
  good(req, res) {
    let got = 0
    req.on('data', chunk => {
      got += chunk.length
    })
    req.on('end', () => {
      if (req.url === '/large') res.end(Buffer.alloc(large))
      else if (req.url === '/endless') writeOn(res)
      else res.end(`got ${got};`)
    })
  },
  /** Never answers. */
  silent(req) {
    req.resume()
  },
  /** Begins and never goes on. */
  cut(req, res) {
    req.resume()
    res.writeHead(200, { 'Content-Length': 100 })
    res.write('part', () => req.socket.destroy())
  },
  /** A word every now and then. */
  slow(req, res) {
    req.resume()
    let words = 0
    const timer = setInterval(() => {
      res.write('word ')
      if (++words === 5) res.end('end')
    }, 100)
    res.on('close', () => clearInterval(timer))
  },
}

function writeOn(res: Parameters<RequestListener>[1]): void {
  const more = () => {
    while (!res.destroyed && res.write(Buffer.alloc(64 * 1024)));
  }
  res.on('drain', more)
  more()
}

/** The apps behind the edge, each with a way of its own; `ports` are theirs by name. */
export class SoakApps implements Disposable {
  readonly ports: Record<string, number> = {}
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()

  async start(): Promise<void> {
    for (const name of ['good', 'silent', 'cut', 'slow'] as const) {
      await this.#listen(name, createServer(ANSWERS[name]))
    }
    for (const name of ['sleepy', 'moody']) await this.#listen(name, createServer(ANSWERS['good']))
    await this.#listen('garbage', rawServer('SSH-2.0-OpenSSH_9.2\r\n'))
    await this.#listen(
      'two',
      rawServer('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n'),
    )
    await this.#listen('hasty', rawServer(`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`))
    for (const name of ['talk', 'restless']) await this.#listen(name, talkServer())
    // Nobody listens there any more.
    await this.#listen('gone', createServer())
    this.#servers.pop()?.close()
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
    for (const server of this.#servers) server.close()
  }

  async #listen(name: string, server: Server): Promise<void> {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#servers.push(server)
    this.ports[name] = (server.address() as AddressInfo).port
  }
}

/** Answers with the same bytes whatever it is asked, and ends. */
function rawServer(answer: string): Server {
  return createTcpServer(socket => socket.once('data', () => socket.end(answer)))
}

/** Sends every message back. */
function talkServer(): Server {
  const server = createServer((_, res) => res.writeHead(426).end('upgrade'))
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 0, perMessageDeflate: true })
  server.on('upgrade', (req, connection, head) => {
    if (req.url === '/refuse') {
      connection.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
      return
    }
    sockets.handleUpgrade(req, connection, head, socket => {
      socket.on('error', () => {})
      socket.on('message', (data, isBinary) => {
        if (String(data) === 'break') socket.terminate()
        else socket.send(data, { binary: isBinary })
      })
    })
  })
  return server
}
