import type { Context } from '../apps/context.ts'
import { releaseTag, snapshotTag } from '../apps/naming.ts'
import { restoreImage } from '../apps/restore.ts'
import {
  type Assembled,
  type ImageManifest,
  type Labels,
  LayersMissing,
  LayersUnreadable,
  NotFound,
} from '../engine/engine.ts'
import { imageGone, layersUnreadable } from './problems.ts'

type Needed = Pick<Context, 'engine' | 'store' | 'layers' | 'log' | 'step'>

/** What an image is made of. @throws {Problem} 409 `image_gone` */
export function manifestOf(context: Needed, app: string, image: string): Promise<ImageManifest> {
  return restoring(context, app, image, () => context.engine.manifest(image))
}

/**
 * Like {@link manifestOf}, and all of its layers are in the data folder then.
 * @throws {Problem} 409 `image_gone`, `layers_unreadable`
 */
export async function copyLayers(context: Needed, app: string, image: string): Promise<ImageManifest> {
  try {
    return await restoring(context, app, image, () => context.engine.copyLayers(image, context.layers))
  } catch (error) {
    if (!(error instanceof LayersUnreadable)) throw error
    warnUnreadable(context, app, image, error)
    throw layersUnreadable(app, nameOf(context, app, image), error)
  }
}

/** Once for each layer: whatever needs it comes upon it again and again. */
export function warnUnreadable(
  { log }: Pick<Context, 'log'>,
  app: string,
  image: string,
  { path, isNew }: LayersUnreadable,
): void {
  if (isNew) log.warn('layers_unreadable', { app, image, path })
}

/** What an image is to a user. */
function nameOf({ store }: Pick<Context, 'store'>, app: string, image: string): string {
  const isIt = (one: { image: string }) => one.image === image
  const snapshot = store.snapshots(app).find(isIt)
  if (snapshot) return `snapshot ${snapshot.number} of ${app}`
  const release = store.releases(app).find(isIt)
  if (release) return `release ${release.number} of ${app}`
  return image === releaseTag(store.hostId, app, store.nextRelease(app))
    ? `the new release of ${app}`
    : `what ${app} wrote`
}

/** Like {@link copyLayers}, at less expense where they were copied before. */
export async function copiedLayers(context: Needed, app: string, image: string): Promise<ImageManifest> {
  const manifest = await manifestOf(context, app, image)
  return manifest.layers.every(layer => context.layers.has(layer))
    ? manifest
    : copyLayers(context, app, image)
}

/** Makes an image once more, with a tag and labels of its own; the layers are shared. */
export async function repeat(
  context: Needed,
  app: string,
  image: string,
  as: { tag: string; labels: Labels },
): Promise<Assembled> {
  const { engine, layers } = context
  const manifest = await manifestOf(context, app, image)
  try {
    return await engine.assemble(manifest, as, layers)
  } catch (error) {
    if (!(error instanceof LayersMissing)) throw error
    // This engine wants them all sent along.
    return await engine.assemble(await copyLayers(context, app, image), as, layers)
  }
}

/** Asks the engine about an image; one that it has lost is made again first, if there is a copy. */
async function restoring<T>(context: Needed, app: string, image: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof NotFound)) throw error
    if (!(await restoreImage(context, image))) throw imageGone(app, image, error)
    return await ask()
  }
}

/**
 * Tag and labels of an image that is made to be an app's next snapshot. It is labelled with the present generation,
 * unlike what a sleep makes: until the store names it, it holds nothing that is not elsewhere, so recovery removes it.
 */
export function nextSnapshotImage(
  { store }: Pick<Context, 'store'>,
  app: { name: string; generation: number },
  release: number,
): { number: number; tag: string; labels: Labels } {
  const number = store.nextSnapshot(app.name)
  const tag = snapshotTag(store.hostId, app.name, number)
  const { generation } = app
  const labels: Labels = { host: store.hostId, role: 'snapshot', app: app.name, generation, release }
  return { number, tag, labels }
}
