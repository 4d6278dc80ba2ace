import { isDeepStrictEqual } from 'node:util'
import type Docker from 'dockerode'
import type { Assembled, ImageManifest, Labels, LayerSource } from '../engine.ts'
import { LayersMissing } from '../engine.ts'
import { flush } from './flush.ts'
import * as images from './images.ts'
import { writeLabels } from './labels.ts'
import { type Load, load, NeedsLayer } from './load.ts'
import { ProgressError } from './progress.ts'

/**
 * Makes an image of layers and a configuration; see `Engine.assemble`.
 *
 * @param leavesOut whether the engine takes files of layers that it has from its own store
 */
export async function assemble(
  docker: Docker,
  leavesOut: boolean,
  manifest: ImageManifest,
  { tag, labels, present = manifest.layers.length }: { tag: string; labels: Labels; present?: number },
  source: LayerSource,
): Promise<Assembled> {
  const wanted = { manifest, labels: writeLabels(labels), tag }
  await (leavesOut ? loadMissing(docker, wanted, present, source) : loadFrom(docker, wanted, 0, source))
  const image = await images.get(docker, tag)
  const wrong =
    image.layers.join() !== manifest.layers.join()
      ? 'layers'
      : !isDeepStrictEqual(image.labels, labels)
        ? 'labels'
        : undefined
  if (wrong) {
    await images.remove(docker, tag)
    throw new Error(`load of ${tag}: its ${wrong} are not the ones given`)
  }
  const flushed = flush(docker, image.id)
  flushed.catch(() => undefined)
  return { ...image, flushed }
}

/** Sends nothing but what the engine says it needs: it alone knows what it has at this moment. */
async function loadMissing(docker: Docker, image: Load, present: number, source: LayerSource): Promise<void> {
  let from = present
  while (true) {
    try {
      return await loadFrom(docker, image, from, source)
    } catch (error) {
      if (error instanceof NeedsLayer && error.place < from) {
        from = error.place
        continue
      }
      // An engine may say it in other words. Sending everything asks nothing of it.
      const canSendAll = from > 0 && image.manifest.layers.every(layer => source.has(layer))
      if (!(error instanceof ProgressError) || !canSendAll) throw error
      from = 0
    }
  }
}

async function loadFrom(docker: Docker, image: Load, from: number, source: LayerSource): Promise<void> {
  const missing = image.manifest.layers.slice(from).find(layer => !source.has(layer))
  if (missing !== undefined) {
    throw new LayersMissing(`${image.tag} cannot be made: its layer ${missing} is nowhere`)
  }
  await load(docker, image, from, source)
}
