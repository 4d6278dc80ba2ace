import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { releaseTag } from '../apps/naming.ts'
import { unknownApp } from '../apps/problems.ts'
import { toSnapshot } from '../apps/sleep.ts'
import type { Labels } from '../engine/engine.ts'
import type { App, Release, Snapshot } from '../store/records.ts'
import { nextSnapshotImage, repeat } from './images.ts'
import { unmake } from './unmake.ts'

/** A point of an app's timeline; no snapshot: before it wrote anything. */
export type Point = { app: App; release: Release; snapshot: Snapshot | undefined }

/**
 * Makes a new app of a point of another: its release, its disk, its settings and its environment. The layers are
 * shared. The new app sleeps.
 *
 * @param into a name that is free and claimed
 */
export async function fork(context: Context, apps: Apps, point: Point, into: string): Promise<void> {
  const { store, now, step } = context
  const { app, release, snapshot } = point
  // From here on a crash leaves an app without a release, which the next start deletes.
  const fresh = store.createApp(into, now())
  const instance = apps.instance(into)
  step('fork.begun')
  try {
    const tag = releaseTag(store.hostId, into, 1)
    const labels: Labels = { host: store.hostId, role: 'release', app: into, generation: 0, release: 1 }
    const image = await repeat(context, app.name, release.image, { tag, labels })
    await image.flushed
    step('fork.release')
    const copy: Release = {
      ...release,
      app: into,
      number: 1,
      createdAt: now(),
      image: tag,
      size: image.size,
      layers: image.layers.length,
    }
    const state = snapshot && (await forkState(context, fresh, copy, snapshot))
    step('fork.state')
    const from = {
      settings: app.settings,
      env: store.env(app.name),
      release: copy,
      files: store.releaseFiles(app.name, release.number),
      snapshot: state,
      // Other code may need other memory.
      peakMemory: release.number === app.release ? apps.find(app.name)?.resources.needs : undefined,
    }
    // It may have been deleted while it was made.
    if (store.app(into)?.deletedAt !== null) throw unknownApp(into)
    store.fill(into, from, now())
    step('fork.recorded')
    instance.filled()
    context.changes.emit('change', into)
  } catch (error) {
    await unmake(context, apps, into)
    throw error
  }
}

async function forkState(
  context: Context,
  into: App,
  release: Release,
  snapshot: Snapshot,
): Promise<Snapshot> {
  const { number, tag, labels } = nextSnapshotImage(context, into, release.number)
  const image = await repeat(context, snapshot.app, snapshot.image, { tag, labels })
  await image.flushed
  const as = { number, generation: into.generation + 1, reason: 'fork', tag, at: context.now() } as const
  return toSnapshot({ app: into, release, size: release.size }, image, as)
}
