import { type Eviction, policies } from '../src/apps/eviction.ts'
import type { Bench } from './bench.ts'
import { type Replayed, replay } from './replay/replay.ts'
import { hour, makeTrace } from './replay/trace.ts'
import { known, type Row, ratio, summarise } from './report.ts'
import { percentile } from './statistics.ts'

const MiB = 1024 ** 2

/** Budgets of all apps together, whether what frozen ones have written to memory goes to swap, and whether all ran before. */
const machines = [
  { name: '512m', budget: 512 * MiB, swap: false, known: true },
  { name: '512m, apps new', budget: 512 * MiB, swap: false, known: false },
  { name: '1g', budget: 1024 * MiB, swap: false, known: true },
  { name: '1g with swap', budget: 1024 * MiB, swap: true, known: true },
  { name: '2g', budget: 2048 * MiB, swap: false, known: true },
]
const names = Object.keys(policies) as Eviction[]

/** 1,000 apps, and requests a second on average over the day. */
const load = { apps: 1_000, rate: 2 }
const whole = { seeds: [1, 2, 3], from: 0, to: 24 * hour }
const brief = { seeds: [1], from: 10 * hour, to: 14 * hour }

/** A day's visitors to 1,000 apps, in virtual time, with each way to decide who yields. */
export const benchEviction: Bench = async ({ quick, signal, say }) => {
  const { seeds, from, to } = quick ? brief : whole
  const found = new Map<string, Replayed[]>()
  for (const seed of seeds) {
    const trace = makeTrace({ ...load, seed, from, to })
    for (const { name, ...machine } of machines) {
      for (const policy of names) {
        say(`trace ${seed} of ${seeds.length}: ${name}, ${policy}`)
        const run = await replay(trace, { ...machine, policy: policies[policy], signal })
        found.set(`${name}, ${policy}`, [...(found.get(`${name}, ${policy}`) ?? []), run])
      }
    }
  }
  const rows = [...found].flatMap(([name, runs]) => toRows(name, runs))
  return {
    rows,
    ratios: known(Object.fromEntries(machines.flatMap(({ name }) => ratiosOf(name, rows)))),
    notes,
  }
}

/** Figures of a whole run are samples by trace, those of requests and of looks at the memory by each. */
function toRows(name: string, runs: readonly Replayed[]): Row[] {
  const of = (unit: string, figure: (run: Replayed) => number[]) =>
    summarise(name, unit, runs.flatMap(figure))
  return [
    of('min of waiting', ({ waits }) => [waits.reduce((sum, ms) => sum + ms, 0) / 60_000]),
    of('ms, 95 % of requests', ({ waits }) => [percentile(waits, 0.95)]),
    of('cold wakes', ({ cold }) => [cold]),
    of('thaws', ({ thaws }) => [thaws]),
    of('refused', ({ refused }) => [refused]),
    of('MB in memory', ({ used }) => used.map(bytes => bytes / MiB)),
  ]
}

function ratiosOf(name: string, rows: readonly Row[]): [string, number | undefined][] {
  const over = (unit: string) => {
    const [of, to] = ['weighed', 'lru'].map(policy =>
      rows.find(row => row.case === `${name}, ${policy}` && row.unit === unit),
    )
    return ratio(of, to, 'p50')
  }
  const suffix = `weighed_vs_lru_${name.replaceAll(/\W+/g, '_')}`
  return [
    [`waiting_${suffix}`, over('min of waiting')],
    [`p95_${suffix}`, over('ms, 95 % of requests')],
    [`cold_wakes_${suffix}`, over('cold wakes')],
  ]
}

const notes = [
  'Replayed in virtual time: the keeper, its policy and what apps are charged are the real ones, the apps are simulated.',
  '1,000 apps of 10 to 120 MB whose starts take 100 to 1,500 ms of one of two cores, more of the larger ones; visitors',
  'come in sessions, to apps by Zipf’s law (exponent 1.1), twice a second on average and more by day. A row that is not',
  'about memory has one sample a trace. Frozen apps keep 40 to 80 % of their memory, with swap a twentieth.',
]
