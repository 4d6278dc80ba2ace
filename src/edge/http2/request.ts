import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import type { StreamSocket } from './stream-socket.ts'

/**
 * An HTTP/2 request as the HTTP/1.1 message that it is forwarded as (RFC 9113, 8.2.3 and 8.3.1): with a Host header,
 * one Cookie header, and chunks for a body of unknown length, so that everything behind knows one version only. It
 * has what is used here of Node's `IncomingMessage`.
 */
export class StreamRequest extends Readable {
  /** What the visitor speaks; the parts are what is made of it. */
  readonly httpVersion = '2.0'
  readonly httpVersionMajor = 1
  readonly httpVersionMinor = 1
  readonly method: string
  url: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: string[]
  rawTrailers: string[] = []
  readonly socket: StreamSocket
  /** All of it has come in. */
  complete: boolean
  readonly #stream: ServerHttp2Stream

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    raw: readonly string[],
    socket: StreamSocket,
  ) {
    super()
    this.#stream = stream
    this.socket = socket
    this.method = headers[':method'] ?? ''
    this.url = headers[':path'] ?? ''
    this.headers = headers
    this.rawHeaders = asHttp1(headers, raw, stream.endAfterHeaders)
    this.complete = stream.endAfterHeaders
    stream.once('close', () => this.destroy())
    if (this.complete) {
      stream.resume()
      this.push(null)
      return
    }
    stream.on('trailers', (_, __, trailers: unknown) => {
      this.rawTrailers = trailers as string[]
    })
    stream.on('data', (chunk: Buffer) => {
      socket.bytesRead += chunk.length
      if (!this.push(chunk)) stream.pause()
    })
    stream.on('end', () => {
      // A stream that is reset ends as well, and a body that was cut off must not pass for a whole one.
      if (stream.aborted || stream.closed) return
      this.complete = true
      this.push(null)
    })
    stream.pause()
  }

  override _read(): void {
    this.#stream.resume()
  }
}

/** Sets in `headers` what HTTP/1.1 says in a header, and gives the raw ones of that message. */
function asHttp1(headers: IncomingHttpHeaders, raw: readonly string[], bodyless: boolean): string[] {
  const authority = headers[':authority']
  const out: string[] = []
  if (authority !== undefined) {
    headers.host = authority
    out.push('Host', authority)
  }
  let cookie: string | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    if (name.startsWith(':')) continue
    if (name === 'cookie') cookie = cookie === undefined ? value : `${cookie}; ${value}`
    // A Host that says something else stays, and the request is refused for having two.
    else if (name !== 'host' || value !== authority) out.push(name, value)
  }
  if (cookie !== undefined) out.push('cookie', cookie)
  if (!bodyless && headers['content-length'] === undefined) {
    headers['transfer-encoding'] = 'chunked'
    out.push('Transfer-Encoding', 'chunked')
  }
  return out
}
