import type { FirstAnswer } from './first-answer.ts'
import { megabytes, type Taken } from './meter.ts'
import type { Outcome } from './open-loop.ts'
import { type Row, summarise } from './report.ts'
import { readServerTiming } from './server-timing.ts'

/** How an app was when a visitor came, by what its answer says of a wake; who shares another's wake is told of none. */
const kinds = { awake: undefined, frozen: 'frozen', asleep: 'cold' } as const

/** What the visitors' rows begin with. */
export const visitors = 'visitor due → first byte'

/** Those that were no 200, each in a few words. */
export function failures(outcomes: readonly Outcome<FirstAnswer>[]): string[] {
  return outcomes.flatMap(outcome => {
    const when = `${(outcome.at / 1000).toFixed(1)} s into the load, after ${Math.round(outcome.ms)} ms`
    if ('error' in outcome) return [`no answer: ${outcome.error}, ${when}`]
    const { status, code } = outcome.answer
    return status === 200 ? [] : [`${status} ${code}, ${when}`]
  })
}

/** How long visitors waited, all and by how their app was, with the parts that the host tells of its wakes. */
export function answerRows(outcomes: readonly Outcome<FirstAnswer>[]): Row[] {
  const answered = outcomes.flatMap(outcome =>
    'answer' in outcome && outcome.answer.status === 200
      ? [{ ms: outcome.ms, timings: readServerTiming(outcome.answer.timing) }]
      : [],
  )
  const row = (name: string, of: typeof answered) => {
    const values = of.map(({ ms }) => ms)
    return summarise(name, 'ms', values)
  }
  const byKind = Object.entries(kinds).flatMap(([kind, told]) => {
    const of = answered.filter(({ timings }) => timings.find(isWhole)?.description === told)
    const names = new Set(of.flatMap(({ timings }) => timings.map(({ name }) => name)))
    const parts = [...names].map(part => {
      const took = of.flatMap(({ timings }) => timings.find(({ name }) => name === part)?.ms ?? [])
      return summarise(`    ${kind}, of it: ${part}`, 'ms', took)
    })
    return [row(`  ${kind} apps’ visitors`, of), ...parts]
  })
  return [row(visitors, answered), ...byKind]
}

const isWhole = ({ name }: { name: string }) => name === 'wake'

/** How long visitors waited, by when they came: many apps are asked for the first time at the beginning. @param length ms */
export function timeRows(outcomes: readonly Outcome<FirstAnswer>[], length: number): Row[] {
  const parts = Map.groupBy(outcomes, ({ at }) => Math.floor(at / length))
  const minutes = (part: number) => Math.round((part * length) / 60_000)
  return [...parts]
    .toSorted(([a], [b]) => a - b)
    .map(([part, of]) =>
      summarise(
        `  who came in minutes ${minutes(part)} to ${minutes(part + 1)}`,
        'ms',
        of.map(({ ms }) => ms),
      ),
    )
}

/** What the host took meanwhile, and which share of the machine's processors was busy. */
export function takenRows(taken: readonly Taken[], busy: readonly number[]): Row[] {
  const row = (name: string, of: keyof Taken) => {
    const values = taken.map(one => megabytes(one[of]))
    return summarise(name, 'MB', values)
  }
  return [
    row('taken under load', 'total'),
    summarise('  at most', 'MB', [megabytes(peakOf(taken, 'total'))]),
    row('  apps’ processes', 'instances'),
    row('  sandboxes', 'sandboxes'),
    row('  shims', 'shims'),
    row('  host process', 'host'),
    row('host process, resident', 'resident'),
    summarise(
      'processors busy under load',
      '%',
      busy.map(share => share * 100),
    ),
  ]
}

export function peakOf(taken: readonly Taken[], of: keyof Taken): number {
  return Math.max(...taken.map(one => one[of]))
}
