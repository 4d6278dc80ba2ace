import { type Row, summarise } from './report.ts'

/** One figure that a case gave in one round; `row` and `unit` say which row it belongs to. */
export type Sample = { row: string; unit: string; value: number }

/** One thing measured once per round. */
export type Case = { name: string; measure(): Promise<Sample[]> }

export type RoundsOptions = {
  rounds: number
  /** Rounds before the counted ones, whose samples are dropped: caches fill, code is compiled. */
  warmUps: number
  /** No round begins after this, a value of `performance.now()`; what was measured until then counts. */
  deadline: number
  signal: AbortSignal
  say(line: string): void
}

/**
 * Measures all cases in every round, so that whatever else the machine does meets all of them alike. Each round
 * begins with another case: none is always the one after a certain other.
 *
 * @returns the rows in the order of the cases, and how many rounds were counted
 */
export async function measureRounds(
  cases: readonly Case[],
  { rounds, warmUps, deadline, signal, say }: RoundsOptions,
): Promise<{ rows: Row[]; rounds: number }> {
  const samples = new Map<string, Map<string, { row: string; unit: string; values: number[] }>>(
    cases.map(({ name }) => [name, new Map()]),
  )
  let counted = 0
  for (let round = -warmUps; round < rounds; round++) {
    // At least one counted round, or there would be nothing to tell.
    if (counted > 0 && performance.now() > deadline) break
    say(round < 0 ? 'warm-up' : `round ${round + 1} of ${rounds}`)
    for (let turn = 0; turn < cases.length; turn++) {
      signal.throwIfAborted()
      const { name, measure } = cases[(Math.max(0, round) + turn) % cases.length] as Case
      const given = await measure()
      if (round < 0) continue
      for (const { row, unit, value } of given) {
        const key = `${row}\n${unit}`
        const kept = samples.get(name) as NonNullable<ReturnType<typeof samples.get>>
        if (!kept.has(key)) kept.set(key, { row, unit, values: [] })
        kept.get(key)?.values.push(value)
      }
    }
    if (round >= 0) counted++
  }
  const rows = [...samples.values()].flatMap(kept =>
    [...kept.values()].map(({ row, unit, values }) => summarise(row, unit, values)),
  )
  return { rows, rounds: counted }
}

/** The row of a name and a unit. */
export function rowOf(rows: readonly Row[], name: string, unit: string): Row | undefined {
  return rows.find(row => row.case === name && row.unit === unit)
}
