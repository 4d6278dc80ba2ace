import { LayersMissing } from '../engine/engine.ts'
import type { Context } from './context.ts'

/**
 * Makes an image that the engine lost again, from its copy in the data folder. False when there is no copy, or not
 * all of it.
 */
export async function restoreImage(
  { engine, store, layers, log, step }: Pick<Context, 'engine' | 'store' | 'layers' | 'log' | 'step'>,
  image: string,
): Promise<boolean> {
  const copy = store.copy(image)
  if (!copy) return false
  try {
    await engine.assemble(copy.manifest, { tag: image, labels: copy.labels }, layers)
  } catch (error) {
    if (!(error instanceof LayersMissing)) throw error
    log.error('copy_incomplete', { image, error: error.message })
    return false
  }
  step('restore.assembled')
  log.warn('image_restored', { app: copy.labels.app, image })
  return true
}
