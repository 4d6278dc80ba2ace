import type { Context } from '../apps/context.ts'
import { LayersUnreadable, NotFound } from '../engine/engine.ts'
import { LayerInvalid } from '../layers/listing.ts'
import { changesOf } from './changes.ts'
import { warnUnreadable } from './images.ts'

/**
 * Copies the layers of all of an app's images that have no copy yet into the data folder, and notes what each
 * snapshot changed: the defence against an engine whose images somebody prunes.
 */
export async function copyImages(context: Context, app: string): Promise<void> {
  const { store, engine, layers, log, step } = context
  const named = () => [...store.releases(app), ...store.snapshots(app)]
  for (const { image, createdAt } of named()) {
    if (store.isCopied(image)) continue
    try {
      using _kept = layers.retain()
      const { labels } = await engine.image(image)
      const known = await engine.manifest(image)
      const isCopied = known.layers.every(layer => layers.has(layer))
      const manifest = isCopied ? known : await engine.copyLayers(image, layers)
      step('copy.layers')
      // It may have gone meanwhile, and its name may be another's by now: that one would be taken for copied.
      if (!named().some(one => one.image === image && one.createdAt === createdAt)) continue
      store.addCopy(image, { manifest, labels })
      step('copy.recorded')
    } catch (error) {
      // One that is out of bounds must not keep the others from being copied.
      if (error instanceof LayerInvalid) log.error('copy_refused', { app, image, error: error.message })
      else if (error instanceof LayersUnreadable) warnUnreadable(context, app, image, error)
      // It went while this went on, or it is lost: what asks for it says so.
      else if (!(error instanceof NotFound)) throw error
    }
  }
  for (const snapshot of store.snapshots(app)) {
    if (snapshot.changed === null && store.isCopied(snapshot.image)) await changesOf(context, snapshot)
  }
}

/** Removes the layers that no image's copy needs any more. */
export async function forgetLayers({ store, layers }: Context): Promise<void> {
  await layers.keep(store.copiedLayers())
}
