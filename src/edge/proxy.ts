import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Lease } from '../apps/lease.ts'
import { hasBody, Upload } from './body.ts'
import { Exchange } from './exchange.ts'
import { answerTimeout, isCodingKnown, isIdempotent, unknownCoding, upstreamProblem } from './failures.ts'
import { responseHeaders, trailerPairs } from './headers.ts'
import type { Due } from './outbox.ts'
import type { Line } from './pools.ts'
import { relayInformation, writeHead } from './relay.ts'

/**
 * A request over a kept connection: nearly all of them. The exchange is undici's handler itself, so that a request
 * costs one object and no closures.
 */
export class PooledExchange extends Exchange implements Dispatcher.DispatchHandler, Due {
  #line: Line | undefined
  #controller: Dispatcher.DispatchController | undefined
  #upload: Upload | undefined
  /** The request went out, at least in part. */
  #sent = false
  /** Something of an answer came in. */
  #answered = false
  #waitsForDrain = false
  /** Since when the app owes an answer, in the context's ms. */
  #since = 0
  /** What had come from the visitor when last looked at. */
  #read = 0
  /** The head of the answer waits for the end of this turn of the event loop, and with it what comes until then. */
  #isDue = false
  /** The beginning of the body, while the head waits. */
  #first: string | Buffer | undefined
  /** The answer ends with that. */
  #isWhole = false

  protected override send(lease: Lease): void {
    const { req, routed, context } = this
    this.#sent = false
    this.#since = this.sentAt
    this.#upload = hasBody(req) ? new Upload(req) : undefined
    this.#line = context.pools.take(lease.upstream)
    this.#line.client.dispatch(
      {
        path: routed.path,
        method: req.method as Dispatcher.HttpMethod,
        headers: this.headersForApp(),
        body: this.#upload ?? null,
        // Which is about pipelining, and costs a look at the queue.
        blocking: false,
      },
      this,
    )
  }

  protected override abandon(): void {
    this.#controller?.abort(ABANDONED)
    this.#upload?.destroy()
  }

  protected override received(): number {
    return this.#upload?.received ?? 0
  }

  /** Ends a request that the app lets wait for too long. While its body is coming in, it is not the app's turn. */
  override expire(now: number): void {
    super.expire(now)
    const { req } = this
    if (this.#since === 0 || this.aborted || this.res.headersSent) return
    if (!req.complete && (req.readableFlowing || req.socket.bytesRead !== this.#read)) {
      this.#since = now
      this.#read = req.socket.bytesRead
    } else if (now - this.#since > this.context.limits.answerTimeout) {
      this.aborted = 'app'
      this.abandon()
      this.fail(answerTimeout())
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#sent = true
    // It waited for a connection while its visitor left.
    if (this.settled || this.aborted) controller.abort(ABANDONED)
  }

  onResponseStarted(): void {
    this.#answered = true
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    reason?: string,
  ): void {
    const { req, res, context } = this
    const raw = controller.rawHeaders as Buffer[]
    if (status < 200) {
      relayInformation(req, res, status, raw)
      return
    }
    if (!isCodingKnown(headers['transfer-encoding'])) {
      controller.abort(unknownCoding())
      return
    }
    writeHead(res, status, reason, responseHeaders(raw, this.responseRules(status)))
    this.#isDue = true
    context.outbox.add(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { res } = this
    this.bytes += chunk.length
    if (this.#isDue) {
      if (this.#first === undefined) {
        // A short one goes out as one string with its head, which costs the system one buffer.
        this.#first = chunk.length <= SHORT ? chunk.toString('latin1') : chunk
        return
      }
      this.writeOut()
    }
    if (res.write(chunk)) return
    controller.pause()
    if (this.#waitsForDrain) return
    this.#waitsForDrain = true
    res.on('drain', () => controller.resume())
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#line?.free()
    const trailers = controller.rawTrailers as Buffer[] | null
    if (trailers && trailers.length > 0) {
      this.writeOut()
      this.res.addTrailers(trailerPairs(trailers))
    }
    if (this.#isDue) this.#isWhole = true
    else this.res.end()
  }

  /** Writes the head of the answer, and what came of its body in the same turn of the event loop. */
  writeOut(): void {
    const { res } = this
    if (!this.#isDue) return
    this.#isDue = false
    if (res.destroyed) return
    const first = this.#first
    this.#first = undefined
    if (this.#isWhole) res.end(first, 'latin1')
    else if (first === undefined) res.flushHeaders()
    else res.write(first, 'latin1')
  }

  onResponseError(_: unknown, error: Error): void {
    this.#line?.failed()
    this.#upload?.destroy()
    if (this.settled || this.aborted) return
    const { req, res } = this
    if (res.headersSent) {
      this.aborted = 'app'
      this.writeOut()
      this.cut()
      return
    }
    const safe = !this.#sent || (!this.#answered && isIdempotent(req.method) && !hasBody(req))
    if (safe && this.retry(error)) return
    this.fail(upstreamProblem(error, this.#sent))
  }
}

/** Bytes up to which copying a body costs less than a second buffer in a write. */
const SHORT = 8 * 1024
const ABANDONED = new Error('the exchange is over')
