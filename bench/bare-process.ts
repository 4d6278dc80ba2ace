// The floor of a proxy in Node: http and undici's dispatch with raw headers, without routing, leases, records, time
// limits or any rule about headers: `bare-process.ts <upstream port>`. It prints the port that it listens on.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Dispatcher, Pool } from 'undici'

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, {
  allowH2: false,
  headersTimeout: 0,
  bodyTimeout: 0,
})

/** One object a request and no closures, as in the edge. */
class Relay implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse

  constructor(res: ServerResponse) {
    this.#res = res
  }

  onRequestStart(): void {}

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _: unknown,
    reason?: string,
  ): void {
    const raw = controller.rawHeaders as Buffer[]
    const headers: string[] = []
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = (raw[i] as Buffer).toString('latin1')
      // Each side keeps its own connections.
      if (name !== 'Connection') headers.push(name, (raw[i + 1] as Buffer).toString('latin1'))
    }
    this.#res.writeHead(status, reason, headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return
    controller.pause()
    this.#res.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.#res.end()
  }

  onResponseError(): void {
    this.#res.destroy()
  }
}

function forward(req: IncomingMessage, res: ServerResponse): void {
  const { method, url: path = '/', rawHeaders: headers } = req
  const body = method === 'POST' ? req : null
  pool.dispatch({ path, method: method as Dispatcher.HttpMethod, headers, body }, new Relay(res))
}

// The settings of the edge's own server that cost or save time.
const server = createServer(
  { keepAliveTimeout: 0, requestTimeout: 0, noDelay: true, optimizeEmptyRequests: true },
  forward,
)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
