import type { Context } from '../apps/context.ts'
import { containerName } from '../apps/naming.ts'
import type { Next } from '../apps/next.ts'
import { toSnapshot } from '../apps/sleep.ts'
import type { DiffId } from '../engine/engine.ts'
import { carry, isTouched } from '../layers/carry.ts'
import type { App, Release, ReleaseFiles, Snapshot, SnapshotReason } from '../store/records.ts'
import { changedByUpload } from './changed-by-upload.ts'
import { copiedLayers, copyLayers, nextSnapshotImage } from './images.ts'
import { baseOf } from './stack.ts'

/** The engine takes no image of more than 127, and the app is to sleep a few times before they are merged. */
const mostLayers = 100

/**
 * Copies everything out of the engine that {@link carryState} will read but for what the app writes until then, so
 * that the app's requests need not be held for that. Who calls it retains the layers until the state is carried.
 */
export async function prepareCarrying(context: Context, app: string, release: Release): Promise<void> {
  const launch = context.store.launch(app)
  if (!launch || !(await mayHaveWritten(context, launch.app))) return
  await copiedLayers(context, app, launch.release.image)
  await copiedLayers(context, app, launch.image)
  const { layers } = await copiedLayers(context, app, release.image)
  await baseOf(context.layers, layers)
}

/** The engine's word is only a hint; should it be wrong, {@link carryState} takes longer. */
async function mayHaveWritten({ engine, store }: Context, { name, snapshot }: App): Promise<boolean> {
  if (snapshot !== null) return true
  const changes = await engine.changes(containerName(store.hostId, name)).catch(() => [])
  return changes.length > 0
}

/**
 * Makes of a sleeping app and a release what the app is to be next: the release with everything on top that the app
 * wrote itself, but for what the release's upload changed.
 *
 * @param commit makes it so in the store, given the snapshot that was made, if the app has written anything
 */
export async function carryState(
  context: Context,
  app: App,
  to: { release: Release; files: ReleaseFiles },
  reason: SnapshotReason,
  commit: (snapshot: Snapshot | undefined) => void,
): Promise<Next> {
  const { store, engine, layers, now } = context
  const { release } = to
  const snapshot = app.snapshot === null ? undefined : store.snapshot(app.name, app.snapshot)
  const from = app.release === null ? undefined : store.release(app.name, app.release)
  if (!snapshot || !from || release.spec.state === 'discard') return without(release, commit)

  using _kept = layers.retain()
  const all = (await copyLayers(context, app.name, snapshot.image)).layers
  const below = (await copiedLayers(context, app.name, from.image)).layers
  const target = await copiedLayers(context, app.name, release.image)
  const state = all.slice(below.length)
  const winners = await changedByUpload(layers, {
    before: { files: store.releaseFiles(app.name, from.number), layers: below },
    after: { files: to.files, layers: target.layers },
    runtime: release.spec.runtime,
  })
  const { number, tag, labels } = nextSnapshotImage(context, app, release.number)
  const listings = await Promise.all(state.map(layer => layers.listing(layer)))
  // As they are is much faster, and requests are held; compaction merges them later.
  const tooMany = target.layers.length + state.length > mostLayers
  const carried =
    (tooMany && state.length > 1) || (await isTouched(listings, winners))
      ? [await merged(context, target.layers, state, winners)]
      : state
  const manifest = { config: target.config, layers: [...target.layers, ...carried] }
  const image = await engine.assemble(manifest, { tag, labels, present: target.layers.length }, layers)
  const record = toSnapshot({ app, release, size: release.size }, image, {
    number,
    generation: app.generation + 1,
    reason,
    tag,
    at: now(),
  })
  return {
    release,
    image: tag,
    size: image.size,
    flushed: image.flushed,
    commit: () => commit(record),
    discard: () => engine.removeImage(tag),
  }
}

async function merged(
  context: Context,
  target: readonly DiffId[],
  state: readonly DiffId[],
  winners: ReadonlySet<string>,
): Promise<DiffId> {
  const { layers } = context
  const readers = state.map(layer => layers.reader(layer))
  return layers.add(carry(readers, await baseOf(layers, target), winners))
}

/** The release alone. */
export function without(release: Release, commit: (snapshot: undefined) => void): Next {
  return {
    release,
    image: release.image,
    size: release.size,
    flushed: Promise.resolve(),
    commit: () => commit(undefined),
    discard: async () => undefined,
  }
}
