/** Numbers that are the same for the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1: Mulberry32 (Tommy Ettinger, public domain). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Of mean 1: what lies between two events that do not know of each other. */
  exponential(): number {
    return -Math.log(1 - this.next())
  }

  /** Half of them are below `median`; `spread` is the deviation of their logarithm. */
  logNormal(median: number, spread: number): number {
    const radius = Math.sqrt(2 * this.exponential())
    return median * Math.exp(spread * radius * Math.cos(2 * Math.PI * this.next()))
  }
}

/** Draws ranks, 0 the most frequent, the n-th as often as `1 / n ** exponent`. */
export class Zipf {
  readonly #sums: Float64Array

  constructor(ranks: number, exponent: number) {
    this.#sums = new Float64Array(ranks)
    let sum = 0
    for (let rank = 0; rank < ranks; rank++) this.#sums[rank] = sum += (rank + 1) ** -exponent
  }

  draw(random: Random): number {
    const sums = this.#sums
    const at = random.next() * (sums.at(-1) ?? 0)
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) > at) high = middle
      else low = middle + 1
    }
    return low
  }
}
