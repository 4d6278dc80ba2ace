/** Over how long visits are remembered: what is that long ago counts for a third of what is now, ms. */
export const memory = 300_000
/** Visits that are not further apart count as one: a page and what belongs to it, ms. */
const apart = 1_000

/** How often an app was visited of late. Times in ms of a clock that only grows. */
export class Visits {
  #count = 0
  #at = Number.NEGATIVE_INFINITY

  /** Called for every visit. */
  note(now: number): void {
    if (now - this.#at < apart) return
    this.#count = this.of(now) + 1
    this.#at = now
  }

  of(now: number): number {
    return this.#count === 0 ? 0 : this.#count * Math.exp((this.#at - now) / memory)
  }
}
