import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { packFolder } from '../src/cli/pack.ts'
import { networkName } from '../src/engine/docker/network.ts'
import { packageRoot } from '../src/paths.ts'
import { prepare } from '../src/setup/up.ts'
import { TestHost } from '../test/support/host.ts'
import type { Bench } from './bench.ts'
import { makeForks } from './forks.ts'
import { writeManyModules } from './many-modules.ts'
import { absent, known, ratio } from './report.ts'
import { type Case, measureRounds, rowOf } from './rounds.ts'
import { Storm } from './storm.ts'
import { SwapFile } from './swap.ts'
import { WakeCases } from './wake-cases.ts'

/** When a quick run begins no further round, ms after its start. */
const quickLimit = 40_000
const MiB = 1024 * 1024
/** Nothing may fall asleep by itself in between. */
const still = { DORMICE_SLEEP_AFTER: '1h', DORMICE_FREEZE_AFTER: '1h' }
/** How many apps the hosts know of that are compared for that. */
const appsKnown = { few: 10, many: 1_000 }

const asleep = (app: string) => `${app}: asleep → first byte`
const dockerStart = (app: string) => `${app}: docker start, published port`
const paused = (app: string) => `${app}: frozen, just paused → first byte`
const reclaimed = (app: string) => `${app}: frozen, reclaimed → first byte`
const createStart = 'hello: create + start, bridge'
const sameNetwork = 'hello: create + start, Dormice’s network'
const floor = 'hello: create + start, host network'
const amongMany = (count: number) => `${asleep('hello')}, ${count} apps known`
const awake = 'hello: awake → first byte'
const storm = 'sleeping apps asked at once → all answered'
const rawStorm = 'raw loop into ready sandboxes, 4 at a time'

/**
 * Asleep and frozen → first byte of several apps, beside the same images started through dockerode with the same
 * settings; and many sleeping apps at once beside a bare loop.
 */
export const benchWake: Bench = async ({ quick, signal, say }) => {
  const deadline = quick ? performance.now() + quickLimit : Number.POSITIVE_INFINITY
  await prepare(process.stderr)
  await using running = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'dormice-bench-'))
  running.defer(() => rm(folder, { recursive: true, force: true }))
  const swap = await SwapFile.make(folder, (quick ? 256 : 1024) * MiB)
  if (!('absent' in swap)) running.use(swap)
  say('starting a host and deploying the apps')
  const host = running.use(await TestHost.start(still))
  const apps = quick ? ['hello'] : ['hello', 'notes', 'modules', 'guestbook']
  for (const app of apps) {
    signal.throwIfAborted()
    await deploy(host, app, folder)
  }
  const all = new Map<string, WakeCases>()
  for (const app of apps) all.set(app, running.use(await WakeCases.of(new Docker(), host, app)))
  const hello = all.get('hello') as WakeCases
  const measured = await measureRounds(
    [
      ...[...all].flatMap(([app, cases]) => [
        cases.asleep(asleep(app)),
        cases.dockerStart(dockerStart(app)),
        cases.frozen(paused(app), 'just paused'),
        ...('absent' in swap ? [] : [cases.frozen(reclaimed(app), 'reclaimed')]),
      ]),
      hello.createStart(createStart, { kind: 'bridge', name: 'bridge' }),
      hello.createStart(sameNetwork, { kind: 'bridge', name: networkName }),
      hello.createStart(floor, { kind: 'host' }),
      hello.awake(awake),
    ],
    { rounds: quick ? 8 : 30, warmUps: 1, deadline, signal, say },
  )
  const rows = [...measured.rows]
  if ('absent' in swap) rows.push(absent(reclaimed('hello'), 'ms', swap.absent))
  if (!quick) {
    const forks = await makeForks(host, 'hello', appsKnown.many - apps.length, say, signal)
    const small = running.use(await TestHost.start(still))
    await deploy(small, 'hello', folder)
    await makeForks(small, 'hello', appsKnown.few - 1, say, signal)
    const few = running.use(await WakeCases.of(new Docker(), small, 'hello'))
    const both = [few.asleep(amongMany(appsKnown.few)), hello.asleep(amongMany(appsKnown.many))]
    const compared = { rounds: 30, warmUps: 1, deadline, signal, say }
    rows.push(...(await measureRounds(both.map(headline), compared)).rows)
    const all = new Storm(host, forks.slice(0, 100))
    const storms = [all.dormice(`100 ${storm}`), all.raw(`100 × ${rawStorm}`)]
    // The first one shows how many sandboxes are wanted.
    rows.push(...(await measureRounds(storms, { rounds: 3, warmUps: 1, deadline, signal, say })).rows)
  }
  const versus = (what: string, baseline: string, which: 'p50' | 'p95' = 'p50') =>
    ratio(rowOf(rows, what, 'ms'), rowOf(rows, baseline, 'ms'), which)
  const start = dockerStart('hello')
  return {
    rows,
    ratios: known({
      asleep_p50_vs_docker_start: versus(asleep('hello'), start),
      asleep_p95_vs_docker_start: versus(asleep('hello'), start, 'p95'),
      asleep_p50_vs_floor: versus(asleep('hello'), floor),
      asleep_p50_vs_create_start: versus(asleep('hello'), createStart),
      asleep_p50_vs_create_start_same_network: versus(asleep('hello'), sameNetwork),
      frozen_p50_ms: rowOf(rows, paused('hello'), 'ms')?.p50 ?? undefined,
      reclaimed_p50_vs_docker_start: versus(reclaimed('hello'), start),
      wake_p50_1000_apps_vs_10: versus(amongMany(appsKnown.many), amongMany(appsKnown.few)),
      storm_vs_raw: versus(`100 ${storm}`, `100 × ${rawStorm}`),
      ...Object.fromEntries(
        apps
          .slice(1)
          .map(app => [`asleep_p50_vs_docker_start_${app}`, versus(asleep(app), dockerStart(app))]),
      ),
    }),
    notes: [
      `Each of ${measured.rounds} rounds measured every case once, beginning with another one each time; 1 warm-up round is dropped.`,
      'Time runs from sending the request (raw: from the create or start call) to the first byte of the app’s',
      'answer, on new connections over loopback; lower is better. A ratio under 1: Dormice takes less time.',
      'The raw containers have the image, command, environment, user and limits of the one that Dormice wakes.',
      'just paused: asked the moment that it is frozen, while its memory is being given back; reclaimed: after that,',
      'with a swap file made for this run. modules: an app that loads a hundred packages before it listens.',
    ],
  }
}

/** A case without what its figure is made of. */
function headline({ name, measure }: Case): Case {
  return { name, measure: async () => (await measure()).slice(0, 1) }
}

async function deploy(host: TestHost, app: string, folder: string): Promise<void> {
  if (app === 'modules') await writeManyModules(join(folder, app))
  const from = app === 'modules' ? join(folder, app) : join(packageRoot, 'examples', app)
  const answer = await host.api('POST', `/v1/apps/${app}/releases`, packFolder(from))
  if (answer.status !== 201) throw new Error(`deploy of ${app}: ${answer.body}`)
}
