import type { IncomingMessage, ServerResponse } from 'node:http'
import { performServerHandshake, type ServerHttp2Session, type ServerOptions } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Limits } from '../limits.ts'
import { StreamRequest } from './request.ts'
import { StreamResponse } from './response.ts'
import { StreamSocket } from './stream-socket.ts'

/** Bytes of one request's body, and of all on a connection, that are taken in before they are read. */
const STREAM_WINDOW = 256 * 1024
const SESSION_WINDOW = 1024 * 1024

export type SessionsOptions = {
  limits: Limits
  /** Called with each request, as HTTP/1.1 has them. */
  onRequest(req: IncomingMessage, res: ServerResponse): void
}

/** The visitors' connections that speak HTTP/2. */
export class Http2Sessions {
  readonly #options: SessionsOptions
  readonly #settings: ServerOptions
  readonly #open = new Map<ServerHttp2Session, TLSSocket>()
  #closing = false

  constructor(options: SessionsOptions) {
    this.#options = options
    const { streams, headerBytes, answerHeaderBytes } = options.limits
    this.#settings = {
      settings: {
        maxConcurrentStreams: streams,
        initialWindowSize: STREAM_WINDOW,
        // Counts 32 bytes more for each header than the limit does, and what is a little over is answered 431.
        maxHeaderListSize: 4 * headerBytes,
        enablePush: false,
      },
      maxHeaderListPairs: headerBytes / 8,
      maxSendHeaderBlockLength: 2 * answerHeaderBytes,
      // What an app said twice is passed on so, as over HTTP/1.
      strictSingleValueFields: false,
    }
  }

  /** Takes a connection on which HTTP/2 was agreed. */
  accept(socket: TLSSocket): void {
    const session = performServerHandshake(socket, this.#settings)
    const { keepAlive, linger } = this.#options.limits
    let requests = 0
    this.#open.set(session, socket)
    session.once('close', () => this.#open.delete(session))
    // The connection is over then, and each of its streams hears of it.
    session.on('error', ignore)
    // Whoever sends no more cannot even make room for an answer: they have gone.
    socket.once('end', () => socket.destroy())
    session.setLocalWindowSize(SESSION_WINDOW)
    session.setTimeout(keepAlive)
    session.on('timeout', () => {
      if (requests > 0) return
      session.close()
      // That waits for the other side to close as well, and for what it may never read.
      const timer = setTimeout(() => socket.destroy(), linger)
      socket.once('close', () => clearTimeout(timer))
    })
    session.on('stream', (stream, headers, _, raw: unknown) => {
      // Its close says the same, to those that were begun; and where nobody listened it would end the process.
      stream.on('error', ignore)
      if (stream.destroyed) return
      const req = new StreamRequest(stream, headers, raw as string[], new StreamSocket(stream, socket))
      const res = new StreamResponse(stream, req)
      requests++
      // Not the stream's: one that is broken off closes only when its visitor can be told.
      res.once('close', () => {
        // From here on it is idle, whatever happened while it was not.
        if (--requests === 0 && !session.destroyed) session.setTimeout(keepAlive)
      })
      this.#take(req, res)
    })
    if (this.#closing) session.close()
  }

  /** The connections whose sessions are not over: they close themselves. */
  sockets(): TLSSocket[] {
    return [...this.#open].flatMap(([session, socket]) => (session.destroyed ? [] : [socket]))
  }

  /** Takes no more requests: each connection is told so, and closed once those it has are answered. */
  async close(): Promise<void> {
    this.#closing = true
    const all = [...this.#open.keys()].map(session => {
      const closed = new Promise<void>(done => session.once('close', done))
      session.close()
      return closed
    })
    await Promise.all(all)
  }

  #take(req: StreamRequest, res: StreamResponse): void {
    const refusal = req.method === 'CONNECT' ? 405 : this.#isTooLarge(req) ? 431 : undefined
    if (refusal !== undefined) {
      res.writeHead(refusal).end()
      return
    }
    // They have what of Node's own classes is used here, though not the types.
    this.#options.onRequest(req as unknown as IncomingMessage, res as unknown as ServerResponse)
  }

  /** Whether a request's headers are more than they may be over HTTP/1, where each has four bytes more. */
  #isTooLarge({ rawHeaders, url }: StreamRequest): boolean {
    const bytes = rawHeaders.reduce((sum, text) => sum + text.length + 2, url.length)
    return bytes > this.#options.limits.headerBytes
  }
}

function ignore(): void {}
