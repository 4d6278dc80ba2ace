import { Demand } from '../demand.ts'

/** Share of the budget that is kept free at most. */
const share = 0.15
/** What one more wake counts for what wakes need on average. */
const weight = 0.2

/**
 * How much memory is kept free for those who wake next, who would otherwise wait until others have yielded: what as many
 * need as woke in the busiest two seconds of the last minute, within a share of the budget. Whole ones: where that share
 * would not hold one, nobody yields for it.
 */
export class Headroom {
  readonly #wakes = new Demand({ slot: 2_000, slots: 30 })
  #average = 0

  /** One has got so many bytes. @param now ms */
  add(bytes: number, now: number): void {
    this.#wakes.add(now)
    this.#average = this.#average === 0 ? bytes : (1 - weight) * this.#average + weight * bytes
  }

  /** Bytes. @param now ms */
  of(budget: number, now: number): number {
    const most = Math.floor((share * budget) / Math.max(this.#average, 1))
    return Math.min(this.#wakes.peak(now), most) * this.#average
  }
}
