import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../engine/engine.ts'
import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import type { Apps } from './apps.ts'

/** What is watched, and who is told. */
export type Watch = {
  engine: Pick<Engine, 'events' | 'probe' | 'prepare'>
  apps: Pick<Apps, 'reconcile' | 'settled' | 'look' | 'hears' | 'died' | 'cutOff' | 'ranOut'>
  log: Log
}

/**
 * Brings engine and store together, as soon as the engine answers, and follows its events until the signal aborts.
 * Events are followed from the first moment: an app that dies while the host still finds its way is seen to.
 */
export async function watch(watched: Watch, signal: AbortSignal): Promise<void> {
  const following = follow(watched, signal)
  await reconcile(watched, signal)
  // What needs to know it would find out by itself, while somebody waits.
  if (!signal.aborted) await watched.engine.prepare()
  if (!signal.aborted) await probe(watched)
  await following
}

async function reconcile({ apps, log }: Watch, signal: AbortSignal): Promise<void> {
  for (let pause = 100; !signal.aborted; pause = Math.min(pause * 2, 5_000)) {
    try {
      return await apps.reconcile()
    } catch (error) {
      log.warn('reconcile_failed', { error: messageOf(error) })
      await sleep(pause, undefined, { signal }).catch(() => undefined)
    }
  }
}

async function probe({ engine, log }: Watch): Promise<void> {
  try {
    log.info('engine_probed', await engine.probe())
  } catch (error) {
    log.warn('engine_not_probed', { error: messageOf(error) })
  }
}

/** Events are hints: after every (re)connection what runs is looked at anew. */
async function follow({ engine, apps, log }: Watch, signal: AbortSignal): Promise<void> {
  let connected = false
  for await (const event of engine.events(signal)) {
    if (event.kind === 'died') {
      apps.died(event.container, event.code)
      continue
    }
    if (event.kind === 'cut-off') {
      apps.cutOff(event.container)
      continue
    }
    if (event.kind === 'out-of-memory') {
      apps.ranOut(event.app)
      continue
    }
    const lost = connected && event.kind === 'disconnected'
    connected = event.kind === 'connected'
    apps.hears(connected)
    if (connected) void lookOnceSettled(apps, log)
    if (lost) log.warn('engine_lost', {})
  }
}

/** The first look is the reconciliation's own; one beside it would meet what that is about to put right. */
async function lookOnceSettled(apps: Watch['apps'], log: Log): Promise<void> {
  await apps.settled
  await look(apps, log)
}

/** An engine that does not answer is told by its events; the next look is soon enough. */
export async function look(apps: Pick<Apps, 'look'>, log: Log): Promise<void> {
  await apps.look().catch(error => log.warn('look_failed', { error: messageOf(error) }))
}
