import pLimit from 'p-limit'
import type { Policy } from '../../src/apps/eviction.ts'
import { overhead } from '../../src/apps/footprint.ts'
import { Keeper } from '../../src/apps/keeper.ts'
import { Processor } from './processor.ts'
import { SimulatedApp, Tally, type World } from './simulated-app.ts'
import type { Trace } from './trace.ts'
import { VirtualTime } from './virtual-time.ts'

/* As the host does it; see `src/host.ts`. */
const sweepInterval = 1_000
const memoryInterval = 2_000
/** On two cores. */
const startsAtOnce = 4

export type ReplayOptions = {
  /** Bytes for all apps together. */
  budget: number
  policy: Policy
  swap: boolean
  known: boolean
  signal: AbortSignal
}

export type Replayed = Tally & {
  /** Bytes that all had in memory, at each look. */
  used: number[]
}

/** Has a real keeper go through a trace, in virtual time. The same for the same trace. */
export async function replay(
  trace: Trace,
  { budget, policy, swap, known, signal }: ReplayOptions,
): Promise<Replayed> {
  const time = new VirtualTime()
  const keeper = new Keeper({ budget, now: time.now, policy, timeout: time.timeout })
  const tally = new Tally()
  const world: World = {
    time,
    processor: new Processor(time, 2),
    keeper,
    starts: pLimit(startsAtOnce),
    swap,
    known,
    tally,
  }
  const apps = trace.apps.map(profile => new SimulatedApp(profile, world))
  const used: number[] = []
  const every = (ms: number, run: () => void) =>
    time.after(ms, () => {
      run()
      every(ms, run)
    })
  every(sweepInterval, () => keeper.sweep())
  every(memoryInterval, () => {
    const up = apps.filter(({ isUp }) => isUp)
    for (const app of up) app.look()
    keeper.relieve()
    used.push(up.reduce((sum, { bytes }) => sum + bytes + overhead, 0))
  })
  let next = 0
  const ask = () => {
    apps[trace.app[next] ?? 0]?.request(trace.takes[next] ?? 0)
    next++
    if (next < trace.at.length) time.after((trace.at[next] ?? 0) - time.now(), ask)
  }
  time.after(trace.at[0] ?? 0, ask)
  await time.until((trace.at.at(-1) ?? 0) + 60_000, signal)
  return Object.assign(tally, { used })
}
