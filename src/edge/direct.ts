import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:http'
import type { Lease } from '../apps/lease.ts'
import { expectsContinue, hasBody } from './body.ts'
import { Exchange } from './exchange.ts'
import { answerTimeout, isCodingKnown, unknownCoding, upstreamProblem } from './failures.ts'
import { requestTrailers, responseHeaders, trailerPairs } from './headers.ts'
import { mayInform, relayInformation, writeHead } from './relay.ts'

/**
 * A request over a connection of its own, for the few that undici cannot say: with `Expect: 100-continue`, where the
 * app decides whether the body comes at all, and with trailers.
 */
export class DirectExchange extends Exchange {
  #upstream: ClientRequest | undefined
  #connected = false
  #answered = false
  #received = 0

  /** Headers that only this connection is about. */
  protected connectionHeaders(): string[] {
    const { headers } = this.req
    const own = ['Connection', 'close']
    if (expectsContinue(this.req)) own.push('Expect', '100-continue')
    if (headers['transfer-encoding'] !== undefined) {
      own.push('Transfer-Encoding', 'chunked')
      if (headers.trailer !== undefined) own.push('Trailer', headers.trailer)
    }
    return own
  }

  protected override send(lease: Lease): void {
    const { req, routed, context } = this
    const { answerTimeout: patience, answerHeaderBytes } = context.limits
    this.#connected = false
    const headers = this.headersForApp()
    headers.push(...this.connectionHeaders())
    const upstream = request({
      method: req.method,
      path: routed.path,
      headers,
      maxHeaderSize: answerHeaderBytes,
      createConnection: () =>
        context.dialer.dial(lease.upstream, { allowHalfOpen: true }).once('connect', () => {
          this.#connected = true
          upstream.setTimeout(patience, () => upstream.destroy(answerTimeout()))
          this.#sendBody(upstream)
        }),
    })
    this.#upstream = upstream
    upstream.on('information', ({ statusCode, rawHeaders }) => {
      if (statusCode !== 100) relayInformation(req, this.res, statusCode, rawHeaders)
      else if (expectsContinue(req) && !this.#answered && mayInform(req, this.res)) this.res.writeContinue()
    })
    upstream.on('response', answer => this.#relay(upstream, answer))
    upstream.on('error', error => this.#failed(error))
    this.prepare(upstream)
    upstream.flushHeaders()
  }

  /** A last look at the request before it goes out. */
  protected prepare(upstream: ClientRequest): void {
    // Node would close the connection and say nothing.
    upstream.on('upgrade', (_, instance) => {
      instance.destroy()
      this.#failed(new Error('the app changes the protocol, and nobody asked for that'))
    })
  }

  protected override abandon(): void {
    if (!this.#upstream) return
    this.req.unpipe(this.#upstream)
    this.#upstream.destroy()
  }

  protected override received(): number {
    return this.#received
  }

  #sendBody(upstream: ClientRequest): void {
    const { req } = this
    if (!hasBody(req)) {
      upstream.end()
      return
    }
    req.on('data', chunk => {
      this.#received += chunk.length
    })
    req.pipe(upstream, { end: false })
    req.once('end', () => {
      if (req.rawTrailers.length > 0) upstream.addTrailers(requestTrailers(req.rawTrailers))
      upstream.end()
    })
  }

  #relay(upstream: ClientRequest, answer: IncomingMessage): void {
    const { res } = this
    const status = answer.statusCode ?? 502
    this.#answered = true
    upstream.setTimeout(0)
    answer.on('error', ignore)
    try {
      if (!isCodingKnown(answer.headers['transfer-encoding'])) throw unknownCoding()
      const headers = responseHeaders(answer.rawHeaders, this.responseRules(status))
      // Throws for a status that there is none of: the parser takes any three digits for one.
      writeHead(res, status, answer.statusMessage, headers)
    } catch (error) {
      upstream.destroy()
      this.fail(upstreamProblem(error as Error))
      return
    }
    answer.on('close', () => {
      if (answer.complete || this.settled || this.aborted) return
      this.aborted = 'app'
      this.cut()
    })
    res.flushHeaders()
    res.on('drain', () => answer.resume())
    answer.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length
      if (!res.write(chunk)) answer.pause()
    })
    answer.on('end', () => {
      this.req.unpipe(upstream)
      if (answer.rawTrailers.length > 0) res.addTrailers(trailerPairs(answer.rawTrailers))
      res.end()
    })
  }

  #failed(error: Error): void {
    if (this.settled || this.aborted || this.#answered) return
    if (this.#upstream) this.req.unpipe(this.#upstream)
    if (!this.#connected && this.retry(error)) return
    this.fail(upstreamProblem(error, this.#connected))
  }
}

function ignore(): void {}
