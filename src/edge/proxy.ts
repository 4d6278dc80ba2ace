import type { Dispatcher } from 'undici'
import type { Lease } from '../apps/lease.ts'
import { hasBody, Upload } from './body.ts'
import { Exchange } from './exchange.ts'
import { isIdempotent, upstreamProblem } from './failures.ts'
import { responseHeaders, trailerPairs } from './headers.ts'
import { relayInformation, writeHead } from './relay.ts'

/**
 * A request over a kept connection: nearly all of them. The exchange is undici's handler itself, so that a request
 * costs one object and no closures.
 */
export class PooledExchange extends Exchange implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined
  #upload: Upload | undefined
  /** The request went out, at least in part. */
  #sent = false
  /** Something of an answer came in. */
  #answered = false
  #waitsForDrain = false

  protected override send(lease: Lease): void {
    const { req, routed, context } = this
    this.#sent = false
    this.#upload = hasBody(req) ? new Upload(req) : undefined
    context.pools.get(lease.upstream).dispatch(
      {
        path: routed.path,
        method: req.method as Dispatcher.HttpMethod,
        headers: this.headersForApp(),
        body: this.#upload ?? null,
      },
      this,
    )
  }

  protected override abandon(): void {
    this.#controller?.abort(ABANDONED)
    this.#upload?.destroy()
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
    _: unknown,
    reason?: string,
  ): void {
    const { req, res } = this
    const raw = controller.rawHeaders as Buffer[]
    if (status < 200) {
      relayInformation(req, res, status, raw)
      return
    }
    writeHead(res, status, reason, responseHeaders(raw, this.responseRules(status)))
    process.nextTick(flush, this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { res } = this
    this.bytes += chunk.length
    if (res.write(chunk)) return
    controller.pause()
    if (this.#waitsForDrain) return
    this.#waitsForDrain = true
    res.on('drain', () => controller.resume())
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    const trailers = controller.rawTrailers as Buffer[] | null
    if (trailers && trailers.length > 0) this.res.addTrailers(trailerPairs(trailers))
    this.res.end()
  }

  onResponseError(_: unknown, error: Error): void {
    this.#upload?.destroy()
    if (this.settled || this.aborted) return
    const { req, res } = this
    if (res.headersSent) {
      this.aborted = 'app'
      this.cut()
      return
    }
    const safe = !this.#sent || (!this.#answered && isIdempotent(req.method) && !hasBody(req))
    if (safe && this.retry()) return
    this.fail(upstreamProblem(error))
  }
}

const ABANDONED = new Error('the exchange is over')

/** An answer whose body lets itself be waited for shows its head meanwhile; others go out with their body at once. */
function flush({ bytes, res }: PooledExchange): void {
  if (bytes === 0 && !res.writableEnded && !res.destroyed) res.flushHeaders()
}
