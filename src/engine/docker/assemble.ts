import type Docker from 'dockerode'
import type { Image, ImageManifest, Labels, LayerSource } from '../engine.ts'
import { LayersMissing } from '../engine.ts'
import { flush } from './flush.ts'
import * as images from './images.ts'
import { writeLabels } from './labels.ts'
import { type Load, load, NeedsLayer } from './load.ts'

/** Makes an image of layers and a configuration; see `Engine.assemble`. */
export async function assemble(
  docker: Docker,
  manifest: ImageManifest,
  { tag, labels }: { tag: string; labels: Labels },
  source: LayerSource,
): Promise<Image> {
  await loadFrom(docker, { manifest, labels: writeLabels(labels), tag }, manifest.layers.length, source)
  const image = await images.get(docker, tag)
  const wrong =
    image.layers.join() !== manifest.layers.join()
      ? 'layers'
      : JSON.stringify(image.labels) !== JSON.stringify(labels)
        ? 'labels'
        : undefined
  if (wrong) {
    await images.remove(docker, tag)
    throw new Error(`load of ${tag}: its ${wrong} are not the ones given`)
  }
  await flush()
  return image
}

async function loadFrom(docker: Docker, image: Load, from: number, source: LayerSource): Promise<void> {
  const missing = image.manifest.layers.slice(from).find(layer => !source.has(layer))
  if (missing !== undefined) {
    throw new LayersMissing(`${image.tag} cannot be made: its layer ${missing} is nowhere`)
  }
  try {
    await load(docker, image, from, source)
  } catch (error) {
    if (!(error instanceof NeedsLayer) || error.place >= from) throw error
    await loadFrom(docker, image, error.place, source)
  }
}
