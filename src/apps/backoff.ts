const longest = 60_000
/** An app that ran for this long before it died, or slept, gets a fresh start, ms. */
const stableAfter = 10_000

/**
 * How long to wait before an app that failed may be tried again, ms.
 *
 * @param failures failures in a row, this one included
 * @param ranFor ms that it was awake before it died; 0 when it did not start
 */
export function backoff(failures: number, ranFor: number): number {
  if (ranFor >= stableAfter) return 0
  return Math.min(1000 * 2 ** (failures - 1), longest)
}

/** Failures in a row to count, this one included. */
export function countFailure(before: number, ranFor: number): number {
  return ranFor >= stableAfter ? 1 : before + 1
}

/** How an app that fails is held back: for longer after each failure in a row, by a clock that cannot jump. */
export class Backoff {
  readonly #ticks: () => number
  #failures = 0
  #until = Number.NEGATIVE_INFINITY

  /** @param ticks ms of a clock that only grows: with the wall's, set back by an hour, the app would be held an hour longer */
  constructor(ticks: () => number = () => performance.now()) {
    this.#ticks = ticks
  }

  /** Whole ms until the app may be tried again, as the time that people are told is; 0 when it may. */
  get left(): number {
    return Math.max(0, Math.floor(this.#until - this.#ticks()))
  }

  /**
   * The app failed. Returns the ms until it may be tried again.
   *
   * @param ranFor ms that it was awake before it died; 0 when it did not start
   */
  failed(ranFor: number): number {
    this.#failures = countFailure(this.#failures, ranFor)
    const pause = backoff(this.#failures, ranFor)
    this.#until = this.#ticks() + pause
    return pause
  }

  /**
   * The app was put to sleep.
   *
   * @param ranFor ms that it was awake
   */
  slept(ranFor: number): void {
    if (ranFor >= stableAfter) this.forget()
  }

  /** It is another app now, or works: what was before does not count. */
  forget(): void {
    this.#failures = 0
    this.#until = Number.NEGATIVE_INFINITY
  }
}
