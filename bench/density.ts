import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { prepare } from '../src/setup/up.ts'
import { TestHost } from '../test/support/host.ts'
import type { Bench } from './bench.ts'
import { fitRows, roomFor } from './fit-rows.ts'
import { makeForks } from './forks.ts'
import { megabytes } from './meter.ts'
import { absent, known, type Row, summarise } from './report.ts'
import { atOnce, Room } from './room.ts'
import { measureRounds, rowOf } from './rounds.ts'
import { SwapFile } from './swap.ts'
import { answerRows, failures, peakOf, takenRows, timeRows, visitors } from './visit-rows.ts'
import { visit } from './visitors.ts'
import { WakeCases } from './wake-cases.ts'

const MiB = 1024 * 1024
/** What all together may take, bytes. */
const limit = 1024 * MiB
/** The share of its budget that a host has for sandboxes that lie ready, unless it is told otherwise. */
const readyShare = 1 / 20
/** What the host's process grows by under load, beyond what it takes when all its apps are frozen: seen up to 10 MB. */
const growth = 12 * MiB
/** Frozen apps that are asked at the end whether they go on. */
const asked = 20
/** Failures that the notes tell of one by one. */
const told = 20

const load = { exponent: 1.1, rate: 5, seed: 1 }
const sizes = {
  full: { apps: 1_000, tried: 400, swap: 4096, warmUp: 60_000, load: { ...load, duration: 660_000 } },
  quick: { apps: 24, tried: 8, swap: 512, warmUp: 0, load: { ...load, duration: 10_000 } },
}

/** What a visitor of a sleeping app would wait for without Dormice, while nothing else goes on: that is what p95 is held against. */
const dockerStart = 'docker start, published port, no load'

/** A host whose apps neither sleep nor freeze unless it is told so, and none for want of memory. */
const roomy = {
  DORMICE_COPY_AFTER: '10s',
  DORMICE_MEMORY: '16g',
  DORMICE_SANDBOXES: String(atOnce),
  DORMICE_SLEEP_AFTER: '1h',
  DORMICE_FREEZE_AFTER: '1h',
}

/**
 * How many apps fit into 1 GiB of memory with their host, awake and frozen; and how long the visitors of a thousand
 * wait for their answers when all have to do with it.
 */
export const benchDensity: Bench = async ({ quick, signal, say }) => {
  const size = quick ? sizes.quick : sizes.full
  await prepare(process.stderr)
  await using running = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'dormice-bench-'))
  running.defer(() => rm(folder, { recursive: true, force: true }))
  const swap = await SwapFile.make(folder, size.swap * MiB)
  if (!('absent' in swap)) running.use(swap)
  say('starting a host and deploying hello')
  const host = running.use(await TestHost.start(roomy))
  await host.deploy('hello', 'examples/hello')
  const apps = await makeForks(host, 'hello', size.apps, say, signal)
  await host.sleep('hello')
  // As it is found on most days: it knows all of them, and has not just made them.
  await host.kill('SIGTERM')
  await host.boot()

  const room = await Room.of(host, apps.slice(0, size.tried), { limit, signal, say })
  const awake = await room.awake()
  const frozen = 'absent' in swap ? undefined : await room.frozen()
  const swapped = SwapFile.used()
  const thaws: number[] = []
  for (const app of frozen?.apps.slice(0, asked) ?? []) {
    const { ms, wake } = await room.ask(app)
    if (wake !== 'frozen') throw new Error(`${app} was not frozen`)
    thaws.push(ms)
  }
  say('putting all to sleep')
  await room.empty()
  say('starting hello without Dormice')
  const started = await startRows(host, quick ? 3 : 15, { signal, say })
  await host.kill('SIGTERM')

  const own = Math.max(awake.with.host, frozen?.with.host ?? 0)
  const budget = Math.floor((limit - own - growth) / (1 + readyShare) / MiB)
  const asItIs = { DORMICE_SANDBOXES: '', DORMICE_SLEEP_AFTER: '', DORMICE_FREEZE_AFTER: '' }
  const booting = performance.now()
  await host.boot({ ...asItIs, DORMICE_MEMORY: `${budget}m` })
  const booted = performance.now() - booting
  const { outcomes, taken, busy } = await visit(host, apps, size.load, { signal, say })
  const failed = failures(outcomes)
  const answers = answerRows(outcomes.filter(({ at }) => at >= size.warmUp))
  const peak = peakOf(taken, 'total')
  const p95 = rowOf(answers, visitors, 'ms')?.p95 ?? undefined
  const bare = rowOf(started, dockerStart, 'ms')?.p50 ?? undefined
  return {
    rows: [
      ...fitRows('awake', awake, limit),
      ...(frozen ? fitRows('frozen', frozen, limit) : [absent('frozen apps in 1 GiB', 'apps', noSwap(swap))]),
      summarise('  frozen → first byte', 'ms', thaws),
      summarise('  swap used by all', 'MB', frozen ? [megabytes(swapped)] : []),
      summarise(`start of a host with ${apps.length} apps`, 'ms', [booted]),
      ...started,
      ...answers,
      ...(quick ? [] : timeRows(outcomes, 120_000)),
      ...takenRows(taken, busy),
    ],
    ratios: known({
      awake: roomFor(awake, limit),
      frozen: frozen && roomFor(frozen, limit),
      deployed: apps.length,
      p95_ms: p95,
      p95_vs_docker_start_p50: p95 && bare && Number((p95 / bare).toPrecision(4)),
      failed: failed.length,
      host_rss_mb: Number(megabytes(peakOf(taken, 'resident')).toPrecision(4)),
    }),
    notes: [
      ...tell(failed),
      peak > limit
        ? `Under load all together took up to ${Math.round(megabytes(peak))} MB, which is MORE than 1 GiB (1074 MB).`
        : 'Under load all together stayed within 1 GiB (1074 MB).',
      ...why(outcomes, busy),
      ...about({ quick, apps: apps.length, tried: awake.apps.length, budget }),
    ],
  }
}

/** What a start costs on this machine, by Dormice and by the engine alone, one after the other while nothing else goes on. */
async function startRows(
  host: TestHost,
  rounds: number,
  { signal, say }: { signal: AbortSignal; say(line: string): void },
): Promise<Row[]> {
  await host.visit('hello')
  await using cases = await WakeCases.of(new Docker(), host, 'hello')
  const both = [cases.dockerStart(dockerStart), cases.asleep('asleep → first byte, no load')]
  const deadline = Number.POSITIVE_INFINITY
  const { rows } = await measureRounds(both, { rounds, warmUps: 1, deadline, signal, say })
  await host.sleep('hello')
  return rows
}

function noSwap(swap: SwapFile | { absent: string }): string {
  return 'absent' in swap ? swap.absent : ''
}

function tell(failed: readonly string[]): string[] {
  const rest = failed.length - told
  return [...failed.slice(0, told), ...(rest > 0 ? [`… and ${rest} more`] : [])]
}

/** What visitors waited for, beside the waking itself. */
function why(outcomes: readonly { app: number }[], busy: readonly number[]): string[] {
  const first = new Set(outcomes.map(({ app }) => app)).size
  const most = summarise('', '%', busy).p95 ?? 0
  return [
    `${first} of ${outcomes.length} visitors were the first of their app, which slept. The processors were busy to ${Math.round(most * 100)} % in the busiest`,
    'twentieth of the looks: there starts, and the sleeps of others that make room for them, wait for each other.',
  ]
}

type Run = { quick: boolean; apps: number; tried: number; budget: number }

function about({ quick, apps, tried, budget }: Run): string[] {
  return [
    'What is counted: the memory of the cgroups of the host’s instances and sandboxes, as the keeper counts it (without',
    'files that were read and not used of late; the files of images are shared, and count for who read them first), the',
    'proportional set sizes (PSS) of their containerd-shims and of the host’s process. Not counted: the engine itself.',
    `The apps are forks of hello, ${apps} of them; the host was started when it had them all. For awake and frozen ${atOnce} sandboxes lie`,
    'ready (DORMICE_SANDBOXES), which are counted; each app answered a request, and all still fit some seconds later. Frozen ones',
    'have their memory in a swap file made for this run.',
    ...(quick
      ? [`Quick: ${tried} apps were tried, and the numbers are reckoned from what each of them took.`]
      : []),
    `Load: ${sizes[quick ? 'quick' : 'full'].load.rate} visitors a second on average, evenly at random (Poisson), the n-th app asked in proportion to`,
    `1/n^${load.exponent}, all asleep before, with DORMICE_MEMORY=${budget}m and the defaults otherwise; a visitor’s time runs from when it`,
    `was due.${quick ? '' : ' The first minute, in which most sleep, is not in the times, but in what failed.'} Who shares another’s wake counts as a visitor of an`,
    'awake app. host_rss_mb is the largest that the host’s process was meanwhile.',
  ]
}
