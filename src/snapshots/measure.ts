import type { Context } from '../apps/context.ts'
import { NotFound } from '../engine/engine.ts'
import type { Release } from '../store/records.ts'

/**
 * Notes the size of those of an app's releases that an earlier version deployed, which did not: without it their
 * layers would be taken for the app's state.
 */
export async function measureReleases(
  { store, engine }: Pick<Context, 'store' | 'engine'>,
  app: string,
): Promise<void> {
  for (const { number, image } of store.releases(app).filter(one => !isMeasured(one))) {
    try {
      const { size, layers } = await engine.image(image)
      store.measured(app, number, { size, layers: layers.length })
    } catch (error) {
      if (!(error instanceof NotFound)) throw error
    }
  }
}

/** No image is without layers. */
export function isMeasured({ layers }: Pick<Release, 'layers'>): boolean {
  return layers > 0
}
