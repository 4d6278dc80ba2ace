import type { Context } from '../apps/context.ts'
import type { Assembled, DiffId, Labels } from '../engine/engine.ts'
import { carry, isTouched } from '../layers/carry.ts'
import type { Release, ReleaseFiles } from '../store/records.ts'
import { changedByUpload } from './changed-by-upload.ts'
import { copiedLayers } from './images.ts'
import { baseOf } from './stack.ts'

/** The engine takes no image of more than 127, and the app is to sleep a few times before they are merged. */
const mostLayers = 100

/** A release, and the files of the upload that it was made of. */
export type Uploaded = { release: Release; files: ReleaseFiles }

/**
 * Makes the image of a release with everything on top that the app wrote on another one, but for what the upload
 * changed between the two.
 *
 * @param disk layers of the other one's disk, which are all in the data folder
 */
export async function makeCarried(
  context: Context,
  from: Release,
  { release, files }: Uploaded,
  disk: readonly DiffId[],
  as: { tag: string; labels: Labels },
): Promise<Assembled> {
  const { store, engine, layers } = context
  const below = (await copiedLayers(context, from.app, from.image)).layers
  const target = await copiedLayers(context, release.app, release.image)
  const state = disk.slice(below.length)
  const winners = await changedByUpload(layers, {
    before: { files: store.releaseFiles(from.app, from.number), layers: below },
    after: { files, layers: target.layers },
    runtime: release.spec.runtime,
  })
  const listings = await Promise.all(state.map(layer => layers.listing(layer)))
  // As they are is much faster, and requests may be held; compaction merges them later.
  const tooMany = target.layers.length + state.length > mostLayers
  const carried =
    (tooMany && state.length > 1) || (await isTouched(listings, winners))
      ? [await merged(context, target.layers, state, winners)]
      : state
  const manifest = { config: target.config, layers: [...target.layers, ...carried] }
  return engine.assemble(manifest, { ...as, present: target.layers.length }, layers)
}

async function merged(
  { layers }: Context,
  target: readonly DiffId[],
  state: readonly DiffId[],
  winners: ReadonlySet<string>,
): Promise<DiffId> {
  const readers = state.map(layer => layers.reader(layer))
  return layers.add(carry(readers, await baseOf(layers, target), winners))
}
