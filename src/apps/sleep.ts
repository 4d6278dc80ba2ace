import type { LogLine } from '../engine/engine.ts'
import { messageOf } from '../problem.ts'
import type { Launch, Snapshot, SnapshotReason } from '../store/records.ts'
import type { Context } from './context.ts'
import { snapshotTag } from './naming.ts'

/** Seconds an app has between SIGTERM and SIGKILL; see CONTRACT. */
export const graceSeconds = 10

export type Asleep = {
  /** Undefined when nothing changed on the disk, so that there was nothing to keep. */
  snapshot: Snapshot | undefined
  /** The app's last log lines, at most 20. */
  lastLines: LogLine[]
}

/**
 * Puts an app's container to sleep: steps 2 to 8 of "Falling asleep: the order that cannot lose data" in
 * DESIGN. No lease may be out. Until the store's transaction the container is the truth, after it the image
 * is; so it may be called again after any failure, and that finishes what the first call began.
 *
 * @param stopped called once the container is stopped and its memory free
 */
export async function fallAsleep(
  context: Context,
  app: string,
  container: string,
  reason: SnapshotReason,
  stopped: () => void = () => undefined,
): Promise<Asleep> {
  const { engine, store, logs, log } = context
  await engine.stop(container, graceSeconds)
  stopped()
  // A log that cannot be kept (a full disk) must not keep the app's data from being kept.
  const lastLines = await logs.collect(app, container).catch(error => {
    log.warn('app_log_not_kept', { app, error: messageOf(error) })
    return []
  })
  const launch = store.launch(app)
  if (!launch) throw new Error(`${app} has a container and no release`)
  const snapshot =
    launch.release.spec.state === 'keep' ? await commit(context, launch, container, reason) : undefined
  await engine.remove(container)
  return { snapshot, lastLines }
}

/** Steps 5 to 7; undefined when nothing changed on the disk. */
async function commit(
  { engine, store, now }: Context,
  { app, release }: Launch,
  container: string,
  reason: SnapshotReason,
): Promise<Snapshot | undefined> {
  const number = store.nextSnapshot(app.name)
  const tag = snapshotTag(store.hostId, app.name, number)
  const image = await engine.commit(container, {
    tag,
    labels: {
      host: store.hostId,
      role: 'snapshot',
      app: app.name,
      generation: app.generation + 1,
      release: release.number,
    },
  })
  if (!image) return undefined
  const snapshot: Snapshot = {
    app: app.name,
    number,
    release: release.number,
    createdAt: now(),
    reason,
    image: tag,
    size: image.size,
    layers: image.layers.length,
  }
  store.addSnapshot(snapshot)
  return snapshot
}
