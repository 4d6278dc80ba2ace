import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { Writable } from 'node:stream'
import { nameSet } from '../names.ts'
import type { StreamRequest } from './request.ts'
import type { StreamSocket } from './stream-socket.ts'

/** What HTTP/2 has frames for, and no headers (RFC 9113, 8.2.2). */
const isOfConnection = nameSet(
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
)

type Headers = OutgoingHttpHeaders | readonly string[]

/**
 * The answer to a {@link StreamRequest}: takes what an HTTP/1.1 answer takes, and sends what HTTP/2 has for it. It has
 * what is used here of Node's `ServerResponse`, and is finished once the visitor's side was sent all there was.
 */
export class StreamResponse extends Writable {
  readonly req: StreamRequest
  readonly socket: StreamSocket
  statusCode = 200
  /** Said of HTTP/1 connections: here nobody asks. */
  shouldKeepAlive = true
  headersSent = false
  readonly #stream: ServerHttp2Stream
  /** Set from `writeHead` to the first byte behind it. */
  #waitingHead: string[] | undefined
  readonly #headers = new Map<string, string>()
  #trailers: OutgoingHttpHeaders = {}
  /** Set once the answer is ended: called when that is seen to be so on the other side. */
  #finish: (() => void) | undefined

  constructor(stream: ServerHttp2Stream, req: StreamRequest) {
    super({ highWaterMark: 64 * 1024 })
    this.#stream = stream
    this.req = req
    this.socket = req.socket
    // The end is something to be taken as well.
    this.socket.waiting = () => this.writableLength + (this.#finish ? 1 : 0)
    stream.on('wantTrailers', () => {
      stream.sendTrailers(this.#trailers)
      // Only then the answer's end is on its way.
      setImmediate(() => this.#leaveRest())
    })
    stream.once('close', () => {
      if (this.#finish && stream.rstCode === constants.NGHTTP2_NO_ERROR) this.#finish()
      else this.destroy()
    })
  }

  setHeader(name: string, value: string): this {
    this.#headers.set(name.toLowerCase(), value)
    return this
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase())
  }

  /** @throws {RangeError} for a status that HTTP/2 has not: an app may say 999 */
  writeHead(status: number, reasonOrHeaders?: string | Headers, given?: Headers): this {
    if (!(status >= 200 && status <= 599)) throw new RangeError(`Invalid status code: ${status}`)
    const headers = typeof reasonOrHeaders === 'string' ? given : reasonOrHeaders
    if (this.headersSent) throw new Error('the head of this answer is sent')
    this.statusCode = status
    this.headersSent = true
    this.#waitingHead = [...this.#headers, ...pairs(headers)].flat()
    return this
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode)
    this.#sendHead(false)
  }

  writeInformation(status: number, headers: Headers = []): void {
    if (this.socket.destroyed || this.headersSent || status === 101) return
    this.#stream.additionalHeaders({ ...grouped(pairs(headers)), ':status': status })
  }

  writeContinue(): void {
    this.writeInformation(100)
  }

  addTrailers(trailers: OutgoingHttpHeaders | [string, string][]): void {
    this.#trailers = grouped(Array.isArray(trailers) ? trailers : pairs(trailers))
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.headersSent) this.writeHead(this.statusCode)
    this.#sendHead(false)
    if (this.socket.destroyed) done(new Error('the stream is closed'))
    else if (this.req.method === 'HEAD') done()
    else {
      this.#stream.write(chunk, error => {
        this.socket.bytesTaken += chunk.length
        done(error)
      })
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.headersSent) this.writeHead(this.statusCode)
    const stream = this.#stream
    const isEmpty = this.#waitingHead !== undefined && Object.keys(this.#trailers).length === 0
    this.#sendHead(isEmpty)
    this.#finish = done
    stream.end(() => {
      if (isEmpty) this.#leaveRest()
    })
  }

  /** Breaks the answer off, so that it cannot pass for a whole one; the connection's other streams go on. */
  override _destroy(_: Error | null, done: (error?: Error | null) => void): void {
    this.socket.destroy()
    // Nobody listens for an error: that the answer closes before it is finished says it all.
    done()
  }

  /** Whoever was answered before the end of their request may keep the rest (RFC 9113, 8.1). */
  #leaveRest(): void {
    const stream = this.#stream
    if (!this.req.complete && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR, () => stream.resume())
  }

  #sendHead(endStream: boolean): void {
    const head = this.#waitingHead
    this.#waitingHead = undefined
    if (head === undefined || this.socket.destroyed) return
    const out: (string | number)[] = [':status', this.statusCode]
    for (let i = 0; i + 1 < head.length; i += 2) {
      const name = String(head[i]).toLowerCase()
      if (!isOfConnection(name)) out.push(name, String(head[i + 1]))
    }
    // It would also end a stream in order that is broken off, if it did not wait to be told of trailers.
    this.#stream.respond(out as string[], { endStream, waitForTrailers: !endStream })
  }
}

/** Headers as pairs of name and value. */
function pairs(headers: Headers = []): [string, string][] {
  if (isRaw(headers)) {
    return headers.flatMap((name, i) => (i % 2 === 0 ? [[name, String(headers[i + 1])]] : []))
  }
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((each): [string, string] => [name, String(each)]),
  )
}

function isRaw(headers: Headers): headers is readonly string[] {
  return Array.isArray(headers)
}

/** Headers by their names, without what is the connection's. */
function grouped(headers: readonly (readonly [string, string])[]): OutgoingHttpHeaders {
  // Apps may name a header like what every object has.
  const out: Record<string, string[]> = Object.create(null)
  for (const [name, value] of headers) {
    if (!isOfConnection(name)) out[name.toLowerCase()] = [...(out[name.toLowerCase()] ?? []), value]
  }
  return out
}
