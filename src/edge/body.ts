import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Duplex, Readable } from 'node:stream'

/** Whether a message has a body, by its framing (RFC 9112, 6.3). */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length']
  return (length !== undefined && length !== '0') || req.headers['transfer-encoding'] !== undefined
}

/** Whether the visitor waits to be asked for the body. In HTTP/1.0 nobody does (RFC 9110, 10.1.1). */
export function expectsContinue(req: IncomingMessage): boolean {
  return req.headers.expect !== undefined && req.httpVersionMinor !== 0
}

/**
 * A request's body on its way to an instance. It stands between the two because undici destroys the body it sends
 * when an answer comes before the body's end, and destroying an IncomingMessage takes the visitor's connection
 * with it. The body is not read before undici asks for it.
 */
export class Upload extends Readable {
  readonly #req: IncomingMessage
  /** Bytes that came in so far. */
  received = 0

  constructor(req: IncomingMessage) {
    super({ emitClose: true })
    this.#req = req
    // undici takes its own listener off before it destroys the body with an error.
    this.on('error', ignore)
    req.on('data', this.#onData)
    req.on('end', this.#onEnd)
    req.pause()
  }

  override _read(): void {
    this.#req.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#req.off('data', this.#onData)
    this.#req.off('end', this.#onEnd)
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.received += chunk.length
    if (!this.push(chunk)) this.#req.pause()
  }

  readonly #onEnd = (): void => {
    this.push(null)
  }
}

/** Requests that were answered before their bodies had come, by what they came on: the last one of each. */
const answeredEarly = new WeakMap<Duplex, IncomingMessage>()

/** Whether what comes in on a connection is the rest of a request that has its answer. */
export function isTakingRest(socket: Duplex): boolean {
  return answeredEarly.get(socket)?.complete === false
}

/**
 * Takes in what is left of a body that was answered early, for at most `linger` ms. Closing the connection at once
 * would reset it, and the answer could be lost on its way.
 *
 * @param socket what the request came on, whatever became of the request since
 */
export function takeRest(req: IncomingMessage, socket: Socket, linger: number): void {
  if (socket.destroyed) return
  answeredEarly.set(socket, req)
  const timer = setTimeout(() => socket.destroy(), linger)
  const done = () => {
    clearTimeout(timer)
    socket.off('close', done)
  }
  req.once('end', done)
  socket.once('close', done)
  req.resume()
}

function ignore(): void {}
