import { Problem } from '../../problem.ts'
import { Exchange } from '../exchange.ts'
import { answerTo } from '../pages.ts'
import type { WakeCall } from './wake-call.ts'

/** Streams of one app at one time; whoever asks beyond is told to come again. */
export const streamsOfOne = 64
/** ms between two reports of progress. */
const between = 1_000
/** ms for which it is told that a wake has failed: afterwards it is worth another try. */
const remembered = 60_000

/** What a waiting page is told. Times in ms; `retryAfter` in seconds. */
export type Word =
  | { event: 'progress'; state: string; elapsed: number; expected: number | undefined }
  /** The app is awake, or there is no wake to wait for: the page is to be loaded anew. */
  | { event: 'ready' }
  | { event: 'failed'; text: string; code: string; retryAfter: number | undefined }

/**
 * A waiting page's question how the wake goes: answered with server-sent events until it is over, or with one
 * JSON object for who accepts that alone. It only looks: it neither wakes the app nor keeps it awake,
 * whatever its state.
 */
export class WakingExchange extends Exchange {
  #timer: NodeJS.Timeout | undefined

  protected override claim(): void {
    const { site } = this.routed
    if (this.settled) return
    if (this.req.headers.accept?.includes('text/event-stream') !== true) this.#tellOnce()
    else if (site.watching >= streamsOfOne) this.#refuse()
    else this.#tell(site.wakeCall)
  }

  /** Says how it is now, and ends: the edge takes no more requests. */
  wrapUp(): void {
    if (!this.#timer) return
    this.#stop()
    this.res.end()
  }

  override settle(): void {
    this.#stop()
    super.settle()
  }

  /** Nothing of it is ever sent to the app. */
  protected override get needsTurn(): boolean {
    return false
  }
  protected override send(): void {}
  protected override abandon(): void {}

  #tellOnce(): void {
    const body = Buffer.from(JSON.stringify(this.#word()))
    this.reply('answered', 200, ['Content-Type', 'application/json', ...NOT_KEPT], body)
  }

  #refuse(): void {
    const body = Buffer.from('Too many pages wait for this app. Ask again in a moment.\n')
    const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Retry-After', '2', ...NOT_KEPT]
    this.reply('too_many_waiting', 503, headers, body)
  }

  #tell(call: WakeCall | undefined): void {
    this.head('answered', 200, ['Content-Type', 'text/event-stream', 'X-Accel-Buffering', 'no', ...NOT_KEPT])
    const word = this.#word()
    this.#write(word)
    if (word.event !== 'progress' || this.context.draining) {
      this.res.end()
      return
    }
    this.routed.site.watching++
    this.#timer = setInterval(() => this.#write(this.#word()), between).unref()
    call?.over.then(() => {
      if (!this.#timer) return
      this.#write(this.#word())
      this.wrapUp()
    })
  }

  #write({ event, ...data }: Word): void {
    const text = `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
    this.bytes += Buffer.byteLength(text)
    this.res.write(text)
  }

  #word(): Word {
    const { context, routed } = this
    const { wakeCall: call, target } = routed.site
    const { state, expected } = target.forecast
    if (call === undefined || call.outcome === 'awake' || state === 'awake') return { event: 'ready' }
    if (call.outcome === undefined) {
      const elapsed = Math.round(context.now() - call.since)
      return { event: 'progress', state, elapsed, expected: expected && Math.round(expected) }
    }
    const { failed, at } = call.outcome
    if (context.now() - at > remembered) return { event: 'ready' }
    const { text, code = 'internal', retryAfter } = answerTo(failed)
    return { event: 'failed', text, code, retryAfter: failed instanceof Problem ? retryAfter : undefined }
  }

  #stop(): void {
    if (!this.#timer) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.routed.site.watching--
  }
}

const NOT_KEPT = ['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']
