import type Docker from 'dockerode'
import type { ImageManifest, LayerSink } from '../engine.ts'
import { manifestOf } from './image-config.ts'
import { inspect } from './images.ts'
import { copyBySave } from './save.ts'

/** Copies those layers of an image that the sink has not into it. */
export async function copyLayers(docker: Docker, reference: string, sink: LayerSink): Promise<ImageManifest> {
  const image = await inspect(docker, reference)
  const manifest = manifestOf(image)
  if (manifest.layers.every(layer => sink.has(layer))) return manifest
  await copyBySave(docker, image, sink)
  const missing = manifest.layers.find(layer => !sink.has(layer))
  if (missing !== undefined) throw new Error(`copy of ${reference}: the engine did not give ${missing}`)
  return manifest
}
