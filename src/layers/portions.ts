import { setImmediate } from 'node:timers/promises'

/** How long work may keep the process from everything else, ms: requests of all apps pass through it. */
const PORTION = 8
/** Steps between two looks at the clock. */
const STEPS = 16

/**
 * Does work that takes long in portions, between which the rest of the process has its turn. The work yields after
 * each step, which takes some microseconds.
 */
export async function inPortions<T>(work: Generator<void, T>): Promise<T> {
  let end = performance.now() + PORTION
  for (let step = 1; ; step++) {
    const { done, value } = work.next()
    if (done) return value
    if (step % STEPS !== 0 || performance.now() < end) continue
    await setImmediate()
    end = performance.now() + PORTION
  }
}

/** The items in order; by steps, for sorting very many of them takes long. `before`: whether a comes before b. */
export function* sorted<T>(items: readonly T[], before: (a: T, b: T) => boolean): Generator<void, T[]> {
  const compare = (a: T, b: T) => (before(a, b) ? -1 : before(b, a) ? 1 : 0)
  const RUN = 256
  let runs: T[][] = []
  for (let at = 0; at < items.length; at += RUN) {
    runs.push(items.slice(at, at + RUN).sort(compare))
    yield
  }
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let n = 0; n < runs.length; n += 2)
      merged.push(yield* mergedRuns(runs[n] ?? [], runs[n + 1] ?? [], before))
    runs = merged
  }
  return runs[0] ?? []
}

function* mergedRuns<T>(
  a: readonly T[],
  b: readonly T[],
  before: (a: T, b: T) => boolean,
): Generator<void, T[]> {
  const merged: T[] = []
  let [nextA, nextB] = [0, 0]
  while (nextA < a.length || nextB < b.length) {
    // What is equal stays in order.
    const fromB = nextA >= a.length || (nextB < b.length && before(b[nextB] as T, a[nextA] as T))
    merged.push((fromB ? b[nextB++] : a[nextA++]) as T)
    if (merged.length % 64 === 0) yield
  }
  return merged
}
