const longest = 60_000
/** An app that ran for this long before it died gets a fresh start. */
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
