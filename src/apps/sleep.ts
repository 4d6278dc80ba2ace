import { type Image, type LogLine, NotFound } from '../engine/engine.ts'
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
 * @param options.lastUsed when the app was last used, epoch ms, if that is known; noted with the rest
 * @param options.stopped called once the container is stopped and its memory free
 */
export async function fallAsleep(
  context: Context,
  app: string,
  container: string,
  reason: SnapshotReason,
  { lastUsed, stopped }: { lastUsed: number | undefined; stopped: () => void },
): Promise<Asleep> {
  const { engine, store, logs, log, step } = context
  await engine.stop(container, graceSeconds)
  stopped()
  step('sleep.stopped')
  // A log that cannot be kept (a full disk) must not keep the app's data from being kept.
  const lastLines = await logs.collect(app, container).catch(error => {
    log.warn('app_log_not_kept', { app, error: messageOf(error) })
    return []
  })
  step('sleep.logged')
  const launch = store.launch(app)
  if (!launch) throw new Error(`${app} has a container and no release`)
  const keeps = launch.release.spec.state === 'keep'
  const snapshot = keeps ? await commit(context, launch, container, reason, lastUsed) : undefined
  if (!snapshot && lastUsed !== undefined) noteUse(context, app, lastUsed)
  await engine.remove(container)
  step('sleep.removed')
  return { snapshot, lastLines }
}

/** With a full disk an app without a snapshot falls asleep all the same. */
function noteUse({ store, log }: Context, app: string, lastUsed: number): void {
  try {
    store.used(app, lastUsed)
  } catch (error) {
    log.warn('last_use_not_noted', { app, error: messageOf(error) })
  }
}

/** Steps 5 to 7; undefined when nothing changed on the disk. */
async function commit(
  context: Context,
  launch: Launch,
  container: string,
  reason: SnapshotReason,
  lastUsed: number | undefined,
): Promise<Snapshot | undefined> {
  const { engine, store, step } = context
  const generation = launch.app.generation + 1
  const { image, snapshot } = await commitAs(context, launch, container, { generation, reason })
  step('sleep.committed')
  const live = store.liveSnapshot(launch.app)
  if (!image) {
    // What a snapshot of the running app had, the app has undone since.
    if (live) store.supersede(launch.app.name)
    return undefined
  }
  if (live && (await isSameDisk(context, live, image)) && store.settleOn(live, lastUsed)) {
    await engine.removeImage(snapshot.image)
    return live
  }
  store.addSnapshot(snapshot, lastUsed)
  step('sleep.recorded')
  return snapshot
}

/**
 * Commits a container under the tag of the app's next snapshot; no image when nothing changed on its disk.
 *
 * @param as.live the container runs, and goes on
 */
export async function commitAs(
  { engine, store, now }: Context,
  launch: Launch,
  container: string,
  as: { generation: number; reason: SnapshotReason; live?: boolean },
): Promise<{ image: undefined; snapshot: undefined } | { image: Image; snapshot: Snapshot }> {
  const { app, release } = launch
  const { generation, reason, live = false } = as
  const number = store.nextSnapshot(app.name)
  const tag = snapshotTag(store.hostId, app.name, number)
  const image = await engine.commit(container, {
    tag,
    labels: { host: store.hostId, role: 'snapshot', app: app.name, generation, release: release.number },
    live,
  })
  if (!image) return { image, snapshot: undefined }
  return { image, snapshot: toSnapshot(launch, image, { number, generation, reason, tag, at: now() }) }
}

/** The record of a snapshot that was made of what an app launched. */
export function toSnapshot(
  { app, release, size }: Pick<Launch, 'app' | 'release' | 'size'>,
  image: Pick<Image, 'size' | 'layers'>,
  as: {
    number: number
    generation: number
    reason: SnapshotReason
    tag: string
    at: number
    source?: number
  },
): Snapshot {
  return {
    app: app.name,
    number: as.number,
    release: release.number,
    createdAt: as.at,
    reason: as.reason,
    image: as.tag,
    size: image.size,
    layers: image.layers.length,
    generation: as.generation,
    bytes: Math.max(0, image.size - size),
    pinned: false,
    source: as.source ?? null,
    changed: null,
  }
}

/** Whether a snapshot of the running app had everything that the stopped one has. */
export async function isSameDisk({ engine }: Context, live: Snapshot, image: Image): Promise<boolean> {
  try {
    const { layers } = await engine.image(live.image)
    return layers.length === image.layers.length && layers.every((layer, n) => layer === image.layers[n])
  } catch (error) {
    if (error instanceof NotFound) return false
    throw error
  }
}
