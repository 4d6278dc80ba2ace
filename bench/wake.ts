import Docker from 'dockerode'
import { networkName } from '../src/engine/docker/network.ts'
import { prepare } from '../src/setup/up.ts'
import { TestHost } from '../test/support/host.ts'
import type { Bench } from './bench.ts'
import { known, ratio } from './report.ts'
import { measureRounds, rowOf } from './rounds.ts'
import { WakeCases } from './wake-cases.ts'

const app = 'hello'
/** When a quick run begins no further round, ms after its start. */
const quickLimit = 45_000

const asleep = 'dormice: asleep → first byte'
const awake = 'dormice: awake → first byte'
const createStart = 'raw: create + start'
const sameNetwork = 'raw: create + start, Dormice’s network'
const dockerStart = 'raw: docker start, published port'
const floor = 'raw: create + start, host network'

/**
 * Asleep → first byte of `examples/hello`, beside the same image created and started through dockerode with the
 * same settings.
 */
export const benchWake: Bench = async ({ quick, signal, say }) => {
  const deadline = quick ? performance.now() + quickLimit : Number.POSITIVE_INFINITY
  await prepare(process.stderr)
  say(`starting a host and deploying examples/${app}`)
  // Nothing may fall asleep by itself in between.
  await using host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1h', DORMICE_FREEZE_AFTER: '1h' })
  signal.throwIfAborted()
  await host.deploy(app, `examples/${app}`)
  signal.throwIfAborted()
  await using cases = await WakeCases.of(new Docker(), host, app)
  const { rows, rounds } = await measureRounds(
    [
      cases.asleep(asleep),
      cases.createStart(createStart, { kind: 'bridge', name: 'bridge' }),
      cases.createStart(sameNetwork, { kind: 'bridge', name: networkName }),
      cases.dockerStart(dockerStart),
      cases.createStart(floor, { kind: 'host' }),
      cases.awake(awake),
    ],
    { rounds: quick ? 8 : 30, warmUps: 1, deadline, signal, say },
  )
  const versus = (baseline: string, which: 'p50' | 'p95') =>
    ratio(rowOf(rows, asleep, 'ms'), rowOf(rows, baseline, 'ms'), which)
  return {
    rows,
    ratios: known({
      asleep_p50_vs_create_start: versus(createStart, 'p50'),
      asleep_p95_vs_create_start: versus(createStart, 'p95'),
      asleep_p50_vs_create_start_same_network: versus(sameNetwork, 'p50'),
      asleep_p50_vs_docker_start: versus(dockerStart, 'p50'),
      asleep_p95_vs_docker_start: versus(dockerStart, 'p95'),
      asleep_p50_vs_floor: versus(floor, 'p50'),
    }),
    notes: [
      `Each of ${rounds} rounds measured every case once, beginning with another one each time; 1 warm-up round is dropped.`,
      'Time runs from sending the request (raw: from the create or start call) to the first byte of the app’s',
      'answer, on new connections over loopback; lower is better. A ratio under 1: Dormice takes less time.',
      'The raw containers have the image, command, environment, user and limits of the one that Dormice wakes;',
      'their network is the engine’s default bridge unless the case names another one.',
    ],
  }
}
