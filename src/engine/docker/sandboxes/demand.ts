/** Length of a slot in which what is asked for is counted together, ms. */
const slot = 10_000
/** How many slots are remembered. */
const slots = 30

/** How many were asked for lately: as many as in the busiest ten seconds of the last five minutes. */
export class Demand {
  readonly #counts: number[] = Array(slots).fill(0)
  #at = 0

  /** One was asked for. @param now ms */
  add(now: number): void {
    this.#moveTo(now)
    this.#counts[this.#at % slots] = (this.#counts[this.#at % slots] ?? 0) + 1
  }

  /** @param now ms */
  peak(now: number): number {
    this.#moveTo(now)
    return Math.max(...this.#counts)
  }

  #moveTo(now: number): void {
    const at = Math.floor(now / slot)
    // Whatever is older is over.
    for (let n = Math.max(this.#at + 1, at - slots + 1); n <= at; n++) this.#counts[n % slots] = 0
    this.#at = Math.max(this.#at, at)
  }
}
