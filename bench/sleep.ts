import Docker from 'dockerode'
import { prepare } from '../src/setup/up.ts'
import { TestHost } from '../test/support/host.ts'
import { AgedApp, copiesOf, untilStill } from './ageing.ts'
import type { Bench, Findings } from './bench.ts'
import { Journal } from './journal.ts'
import { known, ratio, summarise } from './report.ts'
import { measureRounds, rowOf } from './rounds.ts'
import { SleepCases } from './sleep-cases.ts'

const asleep = 'dormice: last answer → no container'
const raw = 'raw: stop + commit + remove'
const rawSync = 'raw, flushed: stop + commit + sync + remove'

/** How much is measured, and until when, in ms since the start. */
type Plan = {
  sleepRounds: number
  sleepUntil: number
  /** Numbers of sleeps after which an app is looked at, ascending; an app each. */
  ages: readonly number[]
  ageUntil: number
  wakeRounds: number
  wakeUntil: number
}

const never = Number.POSITIVE_INFINITY
export const full: Plan = {
  sleepRounds: 30,
  sleepUntil: never,
  ages: [10, 100, 1000],
  ageUntil: never,
  wakeRounds: 40,
  wakeUntil: never,
}
const quickly: Plan = {
  sleepRounds: 8,
  sleepUntil: 20_000,
  ages: [3, 20],
  ageUntil: 38_000,
  wakeRounds: 15,
  wakeUntil: 48_000,
}

/** Falling asleep beside its raw steps, and what many sleeps make of an app. */
export const benchSleep: Bench = options => sleepBench(options, options.quick ? quickly : full)

/** {@link benchSleep} to a plan. */
export async function sleepBench(
  { signal, say }: Pick<Parameters<Bench>[0], 'signal' | 'say'>,
  plan: Plan,
): Promise<Findings> {
  const began = performance.now()
  await prepare(process.stderr)
  say('starting a host')
  // Nothing may fall asleep by itself in between.
  await using host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1h', DORMICE_FREEZE_AFTER: '1h' })
  const docker = new Docker()
  const falling = await measureSleeps(docker, host, { plan, began, signal, say })
  const ageing = await measureAges(docker, host, { plan, began, signal, say })
  return {
    rows: [...falling.rows, ...ageing.rows],
    ratios: { ...falling.ratios, ...ageing.ratios },
    notes: [...falling.notes, ...ageing.notes],
  }
}

type Part = { plan: Plan; began: number; signal: AbortSignal; say(line: string): void }

async function measureSleeps(
  docker: Docker,
  host: TestHost,
  { plan, began, signal, say }: Part,
): Promise<Findings> {
  signal.throwIfAborted()
  const journal = await Journal.deploy(host, 'journal')
  await using cases = await SleepCases.of(docker, host, journal)
  const { rows, rounds } = await measureRounds(
    [cases.dormice(asleep), cases.raw(raw, { sync: false }), cases.raw(rawSync, { sync: true })],
    {
      rounds: plan.sleepRounds,
      warmUps: 1,
      deadline: began + plan.sleepUntil,
      signal,
      say: line => say(`falling asleep: ${line}`),
    },
  )
  await journal.check()
  const versus = (baseline: string, which: 'p50' | 'p95') =>
    ratio(rowOf(rows, asleep, 'ms'), rowOf(rows, baseline, 'ms'), which)
  return {
    rows,
    ratios: known({
      sleep_vs_raw: versus(raw, 'p50'),
      sleep_p95_vs_raw: versus(raw, 'p95'),
      sleep_vs_raw_sync: versus(rawSync, 'p50'),
    }),
    notes: [
      `Falling asleep: each of ${rounds} rounds measured every case once, beginning with another one each time; 1 warm-up`,
      'round is dropped. Every request appends 256 bytes to one file of the app and rewrites another one of 4 kB. Time runs',
      'from the end of its answer until the engine no longer knows the container; lower is better. The raw containers have',
      'the image, settings and network of the one that Dormice puts to sleep. Before each measured request the file',
      'systems are flushed, so that no case writes another’s data. Dormice flushes what it committed before it removes the',
      'container: so does the case with sync. The parts are between the times of the engine’s own events.',
    ],
  }
}

async function measureAges(
  docker: Docker,
  host: TestHost,
  { plan, began, signal, say }: Part,
): Promise<Findings> {
  const apps: AgedApp[] = []
  for (const age of plan.ages) {
    const app = await AgedApp.deploy(docker, host, `aged-${age}`)
    while (app.sleeps < age && (app.sleeps === 0 || performance.now() - began < plan.ageUntil)) {
      signal.throwIfAborted()
      await app.age()
      if (app.sleeps % 10 === 0) say(`ageing: ${app.sleeps} of ${age} sleeps`)
    }
    apps.push(app)
  }
  say('waiting until nothing is done in the background')
  await untilStill(host, signal)
  const weights = []
  for (const app of apps) weights.push(await app.weigh())
  const copies = summarise('copies of layers in the data folder, all apps', 'kB', [
    (await copiesOf(host)) / 1_000,
  ])
  const wakes = await measureRounds(
    apps.map(app => app.wake()),
    {
      rounds: plan.wakeRounds,
      warmUps: 1,
      deadline: began + plan.wakeUntil,
      signal,
      say: line => say(`waking: ${line}`),
    },
  )
  for (const app of apps) await app.check()
  const [youngest, oldest] = [apps[0], apps.at(-1)] as [AgedApp, AgedApp]
  return {
    rows: [...weights.flatMap(({ rows }) => rows), copies, ...wakes.rows],
    ratios: known({
      [`wake_p50_${oldest.sleeps}_vs_${youngest.sleeps}`]: ratio(
        rowOf(wakes.rows, oldest.wake().name, 'ms'),
        rowOf(wakes.rows, youngest.wake().name, 'ms'),
        'p50',
      ),
      disk_vs_live: Number(weights.at(-1)?.budget.toPrecision(4)),
      disk_vs_files: Number(weights.at(-1)?.times.toPrecision(4)),
    }),
    notes: [
      `Ageing: ${apps.length} apps were each put to sleep as often as their rows say, each time after such a request. At the`,
      `end all were woken in turn by a request that changes nothing, ${wakes.rounds} rounds after 1 of warm-up, so that all ages`,
      'met the same machine. Every record of every app was read back and was there.',
      `disk_vs_live (${oldest.name}) = layers above the release’s / (3 × the files that the app wrote + what its kept`,
      'snapshots, the current one aside, changed); at most 1 is as it should be, but layers may also hold 4 MB of what was',
      'overwritten before that alone is a reason to merge them. disk_vs_files is the same disk over those files alone.',
    ],
  }
}
