/** How many were asked for lately: as many as in the busiest slot of time of those that are remembered. */
export class Demand {
  readonly #slot: number
  readonly #counts: number[]
  #at = 0

  /**
   * @param options.slot length of a slot, in which what is asked for is counted together, ms
   * @param options.slots how many are remembered
   */
  constructor({ slot, slots }: { slot: number; slots: number }) {
    this.#slot = slot
    this.#counts = Array(slots).fill(0)
  }

  /** One was asked for. @param now ms */
  add(now: number): void {
    this.#moveTo(now)
    const at = this.#at % this.#counts.length
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** @param now ms */
  peak(now: number): number {
    this.#moveTo(now)
    return Math.max(...this.#counts)
  }

  #moveTo(now: number): void {
    const at = Math.floor(now / this.#slot)
    const { length } = this.#counts
    // Whatever is older is over.
    for (let n = Math.max(this.#at + 1, at - length + 1); n <= at; n++) this.#counts[n % length] = 0
    this.#at = Math.max(this.#at, at)
  }
}
