import { randomBytes } from 'node:crypto'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { compactedTag } from '../apps/naming.ts'
import type { DiffId, Image } from '../engine/engine.ts'
import { checkUnion, UnionDiffers } from '../layers/check.ts'
import { merge } from '../layers/merge.ts'
import { messageOf } from '../problem.ts'
import type { App, Launch, Snapshot } from '../store/records.ts'
import { changesOf } from './changes.ts'
import { appDisk } from './disk.ts'
import { copiedLayers } from './images.ts'
import { liveBytes } from './live-bytes.ts'
import { isMeasured, measureReleases } from './measure.ts'
import { unlessUnreadable } from './problems.ts'
import { baseOf } from './stack.ts'

/** State layers may hold this much of what was overwritten or deleted before that alone is a reason, bytes. */
const smallWaste = 4 * 1024 * 1024

/** What merging has to make of an app without room, times what is live: that it saves a few bytes is no reason. */
const worthwhile = 1.1

/** How many times the configured depth makes a wake wait: past 70 layers in all the engine is twice as slow. */
const urgentFactor = 2

/** So many layers in all make a wake wait too: the engine takes no image of more than 127, nor a container of that. */
const mostLayers = 110

/** While an operation may be reading the image, that waits for so many: a few sleeps before the end. */
const mostWhileClaimed = 120

/** What a snapshot's disk consists of: the release's layers, and the state on top of them. */
type Stack = { config: string; release: readonly DiffId[]; state: readonly DiffId[] }

/**
 * Merges the state layers of a sleeping app into one, if they are too many or hold too much that is gone. The result
 * is checked against what it replaces, and takes its place only if the app still sleeps on that.
 */
export async function compact(context: Context, apps: Apps, name: string): Promise<void> {
  await measureReleases(context, name)
  const instance = apps.find(name)
  const now = current(context, name)
  if (!instance || !now || apps.isClaimed(name) || !(await isDue(context, now))) return
  using _kept = context.layers.retain()
  const merged = await mergeState(context, now)
  if (!merged) return
  // Also when the app is deleted by now: its deletion may not have seen what was made here.
  await instance.undisturbed(async () => {
    // A rollback or a fork may be reading what would go.
    const untouched = instance.container === undefined && !apps.isClaimed(name)
    // An app that came after it under its name has snapshots of the same numbers and tags.
    const isSame = apps.find(name) === instance && isSameImage(current(context, name)?.snapshot, now.snapshot)
    if (untouched && isSame) await takePlace(context, now, merged)
    else await discard(context, merged.tag)
  })
}

/**
 * Merges them at once where one more sleep or two would be too many. The app sleeps, and it is its turn. While
 * an operation has claimed the app, its image stays for as long as the engine bears it: a fork may be reading it,
 * and a deploy makes an image of few enough layers of it anyway.
 */
export async function compactIfUrgent(context: Context, apps: Apps, name: string): Promise<void> {
  const now = current(context, name)
  const isUrgent = () => now && isTooDeep(now, context.config.compactDepth, apps.isClaimed(name))
  if (!now || !isUrgent()) return
  using _kept = context.layers.retain()
  const merged = await mergeState(context, now)
  if (!merged) return
  if (isUrgent()) await takePlace(context, now, merged)
  else await discard(context, merged.tag)
}

type Current = Pick<Launch, 'release'> & { app: App; snapshot: Snapshot }

function current({ store }: Context, name: string): Current | undefined {
  const launch = store.launch(name)
  if (!launch || launch.app.deletedAt !== null || launch.app.snapshot === null) return undefined
  const snapshot = store.snapshot(name, launch.app.snapshot)
  return snapshot && { app: launch.app, release: launch.release, snapshot }
}

/** How many layers its state has; 0 while it is not known how many of the snapshot's are the release's. */
function depthOf({ snapshot, release }: Current): number {
  return isMeasured(release) ? snapshot.layers - release.layers : 0
}

function isTooDeep(now: Current, compactDepth: number, isClaimed: boolean): boolean {
  const depth = depthOf(now)
  const { layers } = now.snapshot
  if (isClaimed) return depth > 1 && layers >= mostWhileClaimed
  return depth >= compactDepth * urgentFactor || (depth > 1 && layers >= mostLayers)
}

function isSameImage(one: Snapshot | undefined, other: Snapshot): boolean {
  return one?.image === other.image && one.createdAt === other.createdAt
}

async function isDue(context: Context, now: Current): Promise<boolean> {
  const depth = depthOf(now)
  if (depth >= context.config.compactDepth) return true
  // One layer holds nothing that is gone.
  if (depth < 2) return false
  const held = now.snapshot.size - now.release.size
  const { used, budget } = appDisk(context, now.app.name)
  const isFull = used > budget
  // What is little is no reason but where there is no room.
  if (held <= smallWaste && !isFull) return false
  const stack = await stackOf(context, now)
  if (!stack) return false
  const { release, state } = stack
  const live = await liveBytes(context.layers, state, await baseOf(context.layers, release))
  return held > 2 * live + smallWaste || (isFull && held > live * worthwhile)
}

/** Undefined where the engine cannot read it, which has been logged: it stays as it is. */
async function stackOf(context: Context, { app, snapshot, release }: Current): Promise<Stack | undefined> {
  const copied = (image: string) => unlessUnreadable(copiedLayers(context, app.name, image))
  const [disk, code] = [await copied(snapshot.image), await copied(release.image)]
  if (!disk || !code) return undefined
  const { layers, config } = disk
  const below = code.layers
  if (below.some((layer, n) => layer !== layers[n])) {
    throw new Error(`snapshot ${snapshot.number} of ${app.name} does not lie on release ${release.number}`)
  }
  return { config, release: below, state: layers.slice(below.length) }
}

/** Makes the merged image; undefined when there is nothing to merge, or it is not what it has to be. */
async function mergeState(
  context: Context,
  now: Current,
): Promise<{ tag: string; image: Image } | undefined> {
  const { engine, store, layers, log, step } = context
  const { app, snapshot, release } = now
  const stack = await stackOf(context, now)
  // One layer merged alone is no fewer.
  if (!stack || stack.state.length < 2) return undefined
  // Which paths this very snapshot changed cannot be told afterwards.
  await changesOf(context, snapshot)
  step('compaction.copied')
  const base = await baseOf(layers, stack.release)
  const merged = await layers.add(
    merge(
      stack.state.map(layer => layers.reader(layer)),
      base,
    ),
  )
  step('compaction.merged')
  const tag = compactedTag(store.hostId, app.name, snapshot.number, randomBytes(6).toString('hex'))
  const { generation } = app
  const labels = {
    host: store.hostId,
    role: 'snapshot',
    app: app.name,
    generation,
    release: release.number,
  } as const
  const manifest = { config: stack.config, layers: [...stack.release, merged] }
  try {
    const image = await engine.assemble(manifest, { tag, labels, present: stack.release.length }, layers)
    step('compaction.assembled')
    const before = await Promise.all(stack.state.map(layer => layers.listing(layer)))
    await checkUnion(base, before, [await layers.listing(merged)])
    await image.flushed
    step('compaction.checked')
    return { tag, image }
  } catch (error) {
    // Also where it could not be made: the engine may have made it and not have been heard.
    await discard(context, tag)
    if (!(error instanceof UnionDiffers)) throw error
    log.error('compaction_refused', {
      app: app.name,
      snapshot: snapshot.number,
      error: messageOf(error),
    })
    return undefined
  }
}

/** Removes a merged image that nothing names. */
async function discard({ engine, log }: Context, tag: string): Promise<void> {
  await engine
    .removeImage(tag)
    .catch(error => log.warn('image_not_removed', { image: tag, error: messageOf(error) }))
}

/** The merged image is the snapshot's from now on. */
async function takePlace(
  context: Context,
  { app, snapshot, release }: Current,
  { tag, image }: { tag: string; image: Image },
): Promise<void> {
  const { store, engine, log, step } = context
  const { size, layers } = image
  const bytes = Math.max(0, size - release.size)
  // Should the store fail, the image stays: only the next start can tell whether its name was written.
  const replaced = store.replaceImage(snapshot, { image: tag, size, layers: layers.length, bytes })
  if (!replaced) return discard(context, tag)
  step('compaction.recorded')
  store.forgetCopy(snapshot.image)
  await engine.removeImage(snapshot.image)
  step('compaction.removed')
  log.info('compacted', {
    app: app.name,
    snapshot: snapshot.number,
    layers: snapshot.layers,
    to: layers.length,
  })
}
