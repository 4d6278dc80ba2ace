import pLimit from 'p-limit'
import { type Case, singleCases } from './cases.ts'
import { type Result, runCase } from './run-case.ts'
import { WarmLayers } from './warm-layers.ts'

export type MatrixOptions = {
  /** Steps that begin with this. */
  only: string
  /** Cases at a time. */
  concurrency: number
  /** Without second kills. */
  single: boolean
  signal: AbortSignal
  /** Called with each result as it comes. */
  report(result: Result, left: number): void
}

/**
 * Every step of every scenario, and then every step of every recovery that was seen on the way: for each kind of
 * recovery (the step, and what the recovery went through) the host is killed a second time at each of its steps.
 */
export async function runMatrix({
  only,
  concurrency,
  single,
  signal,
  report,
}: MatrixOptions): Promise<Result[]> {
  const limit = pLimit(concurrency)
  await using warm = new WarmLayers()
  const results: Result[] = []
  const run = async (cases: readonly Case[]) => {
    let left = cases.length
    const found = await Promise.all(
      cases.map(each =>
        limit(async () => {
          signal.throwIfAborted()
          const result = await runCase(each, { signal, warm })
          report(result, --left)
          return result
        }),
      ),
    )
    results.push(...found)
    return found
  }
  const cases = singleCases(only)
  const found = await run(cases)
  if (!single) await run(doubleCases(cases, found))
  return results
}

/** Two recoveries of one step that went through the same are one kind. */
function doubleCases(cases: readonly Case[], found: readonly Result[]): Case[] {
  const kinds = new Set<string>()
  return found.flatMap((result, n) => {
    const { step, scenario } = cases[n] as Case
    return [...new Set(result.recovery)].flatMap(again => {
      const kind = `${step} ${result.recovery.join()} ${again}`
      if (kinds.has(kind)) return []
      kinds.add(kind)
      return [{ step, scenario, again }]
    })
  })
}
