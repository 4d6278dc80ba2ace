/*
 * How long requests took, as counts in buckets that each reach a fifth further than the one before: a percentile is
 * known to a tenth, whatever it is, and the counts of hours and of apps can be added up.
 */

/** Buckets to a doubling. */
const perOctave = 4
/** The first bucket's upper end is 2^-4 ms, the last one's lower end 2^20 ms, some 17 minutes. */
const firstOctave = -4
const bucketCount = (20 - firstOctave) * perOctave + 2

/** How many took how long, by bucket. 400 bytes. */
export class LatencyCounts {
  readonly #counts = new Uint32Array(bucketCount)

  add(ms: number): void {
    const bucket = bucketOf(ms)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
  }

  /** Those that are not 0: bucket, how many, bucket, how many, … */
  pairs(): number[] {
    const pairs: number[] = []
    this.#counts.forEach((count, bucket) => {
      if (count > 0) pairs.push(bucket, count)
    })
    return pairs
  }
}

/** The counts of both. */
export function addPairs(one: readonly number[] = [], other: readonly number[] = []): number[] {
  const sums = new Map<number, number>()
  for (const pairs of [one, other]) {
    for (let i = 0; i < pairs.length; i += 2) {
      const bucket = pairs[i] ?? 0
      sums.set(bucket, (sums.get(bucket) ?? 0) + (pairs[i + 1] ?? 0))
    }
  }
  return [...sums].sort(([a], [b]) => a - b).flat()
}

/** How many there are. */
export function countOf(pairs: readonly number[]): number {
  let count = 0
  for (let i = 1; i < pairs.length; i += 2) count += pairs[i] ?? 0
  return count
}

/**
 * What this part of them took at most, ms, to a tenth; undefined of none.
 * @param part 0.5 for the median
 */
export function percentile(pairs: readonly number[], part: number): number | undefined {
  const rank = Math.ceil(countOf(pairs) * part)
  let seen = 0
  for (let i = 0; i < pairs.length; i += 2) {
    seen += pairs[i + 1] ?? 0
    if (seen >= rank) return middleOf(pairs[i] ?? 0)
  }
  return undefined
}

function bucketOf(ms: number): number {
  const bucket = Math.floor((Math.log2(ms) - firstOctave) * perOctave) + 1
  // Of nothing at all the logarithm is no number to count with.
  return bucket > 0 ? Math.min(bucket, bucketCount - 1) : 0
}

/** Milliseconds in the middle of a bucket, where its ends are a factor apart. */
function middleOf(bucket: number): number {
  return 2 ** (firstOctave + (bucket - 0.5) / perOctave)
}
