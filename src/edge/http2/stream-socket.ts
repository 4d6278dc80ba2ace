import { constants, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'

/**
 * What a connection is to an HTTP/1 request, a stream is to one of HTTP/2: it has what is used here of a `TLSSocket`,
 * and what is done to it leaves the connection's other streams alone.
 */
export class StreamSocket {
  readonly encrypted = true
  readonly remoteAddress: string | undefined
  /** Bytes of the request's body so far. */
  bytesRead = 0
  /** Bytes of the answer's body that the visitor has room for, so far. */
  bytesTaken = 0
  /** Bytes of the answer's body that wait for such room. */
  waiting: () => number = () => 0
  readonly #stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream, connection: TLSSocket) {
    this.#stream = stream
    this.remoteAddress = connection.remoteAddress
  }

  get writableLength(): number {
    return this.waiting()
  }

  get bytesWritten(): number {
    return this.bytesTaken + this.waiting()
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  destroy(): this {
    if (!this.destroyed) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    return this
  }

  once(event: 'close', listener: () => void): this {
    this.#stream.once(event, listener)
    return this
  }

  off(event: 'close', listener: () => void): this {
    this.#stream.off(event, listener)
    return this
  }
}
