import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import pLimit from 'p-limit'
import { WebSocket, WebSocketServer } from 'ws'
import { host } from './proxies/server.ts'

/** How many are opened at a time. */
const atOnce = 50

/** An app whose WebSockets stay open and say nothing, and the visitors at their other ends. */
export class IdleSockets implements AsyncDisposable {
  readonly #server: WebSocketServer
  readonly #visitors: WebSocket[] = []

  private constructor(server: WebSocketServer) {
    this.#server = server
  }

  static async listen(): Promise<IdleSockets> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    // Caddy, when it ends, says something to both ends that only one of them may be told.
    server.on('connection', client => client.on('error', ignore))
    await once(server, 'listening')
    return new IdleSockets(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** How many are open. */
  get open(): number {
    return this.#server.clients.size
  }

  /** Opens some more through a proxy. Rejects when one is refused. */
  async openThrough({ port, path, count }: { port: number; path: string; count: number }): Promise<void> {
    const limit = pLimit(atOnce)
    const opened = Array.from({ length: count }, () =>
      limit(async () => {
        const visitor = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host } })
        visitor.on('error', ignore)
        this.#visitors.push(visitor)
        await once(visitor, 'open')
      }),
    )
    await Promise.all(opened)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const visitor of this.#visitors) visitor.terminate()
    for (const client of this.#server.clients) client.terminate()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

function ignore(): void {}
