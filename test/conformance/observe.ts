import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Wire } from '../../src/edge/fixture.ts'
import type { Case } from './case.ts'
import { AFTER } from './case.ts'
import type { Address } from './fronts.ts'
import { play } from './play.ts'
import type { Recorder } from './recorder.ts'
import { readRequests } from './requests.ts'

/** What a proxy made of a case, as far as proxies are compared by it. */
export type Observation = {
  /** The classes of the answers in their order, as `2xx 4xx`; `none` when there was none. */
  answers: string
  /** How many whole requests the app saw. */
  requests: number
}

/** How long nothing must happen until nothing more is expected, ms. */
const QUIET = 400
/** The same while there is no answer at all. */
const SILENT = 1_500
/** How long bytes between two processes may take, ms. */
const ON_ITS_WAY = 100

/** Sends a case's bytes to a proxy. */
export async function observe(
  { sent, kept }: Case,
  address: Address,
  upstream: Recorder,
): Promise<Observation> {
  const socket = connect({ ...address, noDelay: true, allowHalfOpen: true })
  await once(socket, 'connect')
  const visitor = new Wire(socket)
  try {
    await Promise.race([play(visitor, typeof sent === 'string' ? [{ write: sent }] : sent), settled(visitor)])
    await settled(visitor)
    if (kept && !visitor.closed) {
      visitor.write(AFTER)
      await settled(visitor)
    }
  } finally {
    socket.destroy()
  }
  // What the proxy has sent may still be on its way.
  await pause(ON_ITS_WAY)
  const requests = upstream.records().map(record => readRequests(record).requests.length)
  return { answers: classes(visitor.received), requests: requests.reduce((sum, count) => sum + count, 0) }
}

/** Resolves when the connection has ended or nothing happens on it any more. */
async function settled(wire: Wire): Promise<void> {
  for (let length = -1; !wire.closed && wire.received.length > length; ) {
    length = wire.received.length
    const until = performance.now() + (length === 0 ? SILENT : QUIET)
    while (!wire.closed && wire.received.length === length && performance.now() < until) await pause(20)
  }
}

/** The classes of final answers. */
function classes(received: string): string {
  const found = [...received.matchAll(/HTTP\/1\.[01] (\d)(\d\d) /g)]
  const final = found.filter(([, first, rest]) => first !== '1' || rest === '01')
  return final.map(([, first]) => `${first}xx`).join(' ') || (received === '' ? 'none' : 'no HTTP/1')
}
