import { setTimeout as pause } from 'node:timers/promises'
import type { TestHost } from '../test/support/host.ts'
import { Busy } from './busy.ts'
import { type FirstAnswer, firstAnswer } from './first-answer.ts'
import { Meter, megabytes, type Taken } from './meter.ts'
import { arrivals, type LoadShape, type Outcome, openLoop } from './open-loop.ts'

/** Between two looks at what the host takes, ms. */
const interval = 15_000

/**
 * What came of a load: every answer or failure, what the host took meanwhile, and which share of the machine's processors
 * was busy from one look to the next.
 */
export type Visited = { outcomes: Outcome<FirstAnswer>[]; taken: Taken[]; busy: number[] }

/** Sends visitors to apps of a host, the first of which is the most popular one. */
export async function visit(
  host: TestHost,
  apps: readonly string[],
  shape: Omit<LoadShape, 'apps'>,
  { signal, say }: { signal: AbortSignal; say(line: string): void },
): Promise<Visited> {
  const meter = new Meter(host)
  const processors = new Busy()
  const taken: Taken[] = []
  const busy: number[] = []
  const ended = new AbortController()
  const began = performance.now()
  const watching = (async () => {
    while (!ended.signal.aborted) {
      const now = await meter.take()
      taken.push(now)
      // What came before the first look is not of the load.
      const share = processors.share()
      if (taken.length > 1) busy.push(share)
      const seconds = Math.round((performance.now() - began) / 1000)
      say(`load: ${seconds} of ${shape.duration / 1000} s, ${Math.round(megabytes(now.total))} MB`)
      await pause(interval, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  })()
  watching.catch(() => undefined)
  const send = (app: number) =>
    firstAnswer({ host: '127.0.0.1', port: host.port, hostHeader: `${apps[app]}.localhost` })
  try {
    const load = arrivals({ ...shape, apps: apps.length })
    return { outcomes: await openLoop(load, send, signal), taken, busy }
  } finally {
    ended.abort()
    await watching
  }
}
