import { type Container, NotFound } from '../engine/engine.ts'
import type { App } from '../store/records.ts'
import type { Context } from './context.ts'
import { containerName } from './naming.ts'

/**
 * What is to become of an app's container that was found on the engine, after a crash of the host or of a step: `adopt`
 * it as the instance, awake or frozen as it is, `finish` putting it to sleep, `remove` it, or `leave` it alone.
 */
export type Verdict = 'adopt' | 'finish' | 'remove' | 'leave'

/**
 * The container of the app's current generation is the truth. One of an older generation was superseded by an
 * image in the store's transaction; one of a newer generation was the trial of a release that was never
 * promoted, and no request was ever sent to it.
 */
export function judge(container: Container, app: App | undefined): Verdict {
  // Deleting leaves a tombstone until everything is gone, so an unknown app was not deleted by this store:
  // its container may hold the only copy of its data.
  if (!app) return 'leave'
  if (app.deletedAt !== null) return 'remove'
  if (container.labels.generation !== app.generation) return 'remove'
  // A trial whose start came so late that the app had reached its generation by another way.
  if (container.labels.release !== app.release) return 'remove'
  if (container.state === 'created') return 'remove'
  return container.state === 'exited' ? 'finish' : 'adopt'
}

/**
 * Looks for a container of an app that nobody knows of, and gives it back if it holds the app's newest data. One
 * that holds nothing that is needed is removed.
 */
export async function findLeftover(
  { engine, store, log }: Pick<Context, 'engine' | 'store' | 'log'>,
  app: string,
): Promise<Container | undefined> {
  const found = await engine.container(containerName(store.hostId, app)).catch(error => {
    if (error instanceof NotFound) return undefined
    throw error
  })
  if (!found) return undefined
  const verdict = judge(found, store.app(app))
  log.info('container_found', { app, container: found.id, state: found.state, verdict })
  if (verdict === 'adopt' || verdict === 'finish') return found
  if (verdict === 'remove') await engine.remove(found.id)
  return undefined
}
