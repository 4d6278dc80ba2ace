import type { LogLine } from '../engine/engine.ts'
import type { Problem } from '../problem.ts'
import { Backoff } from './backoff.ts'
import { appCrashed } from './problems.ts'
import { joinLines } from './wake.ts'

/** Why an app is `crashed` or `lost`, or could not be put to sleep, for its operator. Times are epoch ms. */
export type Failure = { at: number; message: string; lastLines: string; retryAt: number }

/** The last failure of an app, and for how long it is held back. */
export class Failures {
  readonly #app: string
  readonly #now: () => number
  /** By a clock of its own: the wall's may be set back while an app is held back. */
  readonly #backoff: Backoff
  #last: Failure | undefined

  /**
   * @param clocks.now epoch ms, whole ones
   * @param clocks.ticks see {@link Backoff}
   */
  constructor(app: string, { now, ticks }: { now: () => number; ticks?: () => number }) {
    this.#app = app
    this.#now = now
    this.#backoff = new Backoff(ticks)
  }

  get last(): Failure | undefined {
    return this.#last
  }

  /** It ended by itself, or did not start. @param ranFor ms that it was awake */
  crashed(message: string, lines: readonly LogLine[], ranFor: number): void {
    this.#note(message, joinLines(lines), this.#backoff.failed(ranFor))
  }

  /** It could not be put to sleep, or its image is gone: nothing to wait for. */
  failed(message: string): void {
    this.#note(message, '', 0)
  }

  /** What callers of a crashed app are told. */
  problem(): Problem | undefined {
    return this.#last && this.#toProblem(this.#last)
  }

  /** @throws {Problem} 503 `app_crashed` while the app is held back */
  refuseWhileHeldBack(): void {
    if (this.#last && this.#backoff.left > 0) throw this.#toProblem(this.#last)
  }

  /** It was put to sleep. @param ranFor ms that it was awake */
  slept(ranFor: number): void {
    this.clear()
    this.#backoff.slept(ranFor)
  }

  /** It is all right now. */
  clear(): void {
    this.#last = undefined
  }

  /** It is another app now: what was before does not count. */
  forget(): void {
    this.clear()
    this.#backoff.forget()
  }

  #note(message: string, lastLines: string, pause: number): void {
    const at = this.#now()
    this.#last = { at, message, lastLines, retryAt: at + pause }
  }

  #toProblem({ message, lastLines }: Failure): Problem {
    return appCrashed(this.#app, message, lastLines, this.#backoff.left)
  }
}
