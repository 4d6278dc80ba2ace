import { LRUCache } from 'lru-cache'

/** `requests` in every `per` ms, of which `burst` may come at once. */
export type Rate = { readonly requests: number; readonly per: number; readonly burst: number }

/**
 * A token bucket for each of many keys, all with one rate: it holds `burst` tokens at most and fills with `requests`
 * tokens in `per` ms. Kept of each is only when it will be full again (the generic cell rate algorithm, ITU-T I.371,
 * as a virtual schedule), and only of those used last.
 */
export class Buckets {
  readonly #interval: number
  readonly #depth: number
  /** When each is full again, in the caller's ms; one that is not there is full. */
  readonly #full: LRUCache<string, number>

  /** @param most how many are kept */
  constructor({ requests, per, burst }: Rate, most = 10_000) {
    this.#interval = per / requests
    this.#depth = burst * this.#interval
    // Bounded by size and not by count, for which the cache would set memory aside at once.
    this.#full = new LRUCache({ maxSize: most, sizeCalculation: () => 1 })
  }

  /** How many are kept. */
  get size(): number {
    return this.#full.size
  }

  /** Takes a token. 0: there was one; else none is taken, and there will be one in as many ms. */
  take(key: string, now: number): number {
    const full = Math.max(this.#full.get(key) ?? 0, now) + this.#interval
    const wait = full - now - this.#depth
    // Of sums of fractions the last digits are not to be trusted.
    if (wait > 1e-6 * this.#interval) return wait
    this.#full.set(key, full)
    return 0
  }

  /** Puts a token back that was taken. */
  giveBack(key: string): void {
    const full = this.#full.get(key)
    if (full !== undefined) this.#full.set(key, full - this.#interval)
  }
}
