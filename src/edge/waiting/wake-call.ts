import type { Leasable } from '../../apps/lease.ts'

/**
 * A wake that pages wait for: one for all who look at one. It stands in the app's line as a held request
 * does, with its bounds, and gives its lease back at once.
 */
export class WakeCall {
  /** When it began, ms of `now`. */
  readonly since: number
  /** Resolves when it is over, however that is. */
  readonly over: Promise<void>
  /** How it ended; undefined: it goes on. */
  outcome: 'awake' | { failed: unknown; at: number } | undefined
  readonly #given = new AbortController()

  constructor(target: Leasable, now: () => number) {
    this.since = now()
    this.over = target.acquire(this.#given.signal).then(
      lease => {
        this.outcome = 'awake'
        if (lease.unused) lease.unused()
        else lease.release()
      },
      error => {
        this.outcome = { failed: error, at: now() }
      },
    )
  }

  /** Leaves the line. */
  abort(): void {
    this.#given.abort(new Error('the edge closes'))
  }
}
