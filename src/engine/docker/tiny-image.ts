import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { EngineUnavailable, type ImageManifest, type LayerSource } from '../engine.ts'
import { bounded } from './client.ts'
import * as images from './images.ts'
import { probeLabels } from './labels.ts'
import { type Load, load } from './load.ts'

/** An image of one layer with one empty file in it, for the engine's own platform: what it is tried out with. */
async function tinyImage(docker: Docker): Promise<{ manifest: ImageManifest; source: LayerSource }> {
  const { Arch, Os } = await bounded('ask for version', 20_000, () => docker.version())
  const archive = pack()
  archive.entry({ name: 'dormice-probe', mtime: new Date(0) }, '')
  archive.finalize()
  const tar = await buffer(archive)
  const layer = `sha256:${createHash('sha256').update(tar).digest('hex')}`
  const gzip = gzipSync(tar)
  return {
    manifest: { config: JSON.stringify({ architecture: Arch, os: Os }), layers: [layer] },
    source: { has: id => id === layer, size: () => gzip.length, open: () => Readable.from([gzip]) },
  }
}

/** Runs with a tiny image on the engine, given its tag, and removes it. The purpose names it. */
export async function withTinyImage<T>(
  docker: Docker,
  host: string,
  purpose: string,
  run: (tag: string) => Promise<T>,
): Promise<T> {
  const { manifest, source } = await tinyImage(docker)
  const image = named(manifest, host, purpose)
  await load(docker, image, 0, source)
  try {
    return await run(image.tag)
  } finally {
    await images.remove(docker, image.tag)
  }
}

function named(manifest: ImageManifest, host: string, purpose: string): Load {
  return { manifest, labels: probeLabels(host, purpose), tag: `dormice-probe/${host}:${purpose}` }
}

/**
 * Whether the engine makes an image of an archive without the files of layers that it has. On graph drivers it does;
 * on the containerd image store every file has to be sent along.
 *
 * @param host owns the images that it is tried with
 */
export function takesLayersLeftOut(docker: Docker, host: string): Promise<boolean> {
  return withTinyImage(docker, host, 'sent', async () => {
    const { manifest, source } = await tinyImage(docker)
    const image = named(manifest, host, 'left-out')
    try {
      await load(docker, image, manifest.layers.length, source)
      const { layers } = await images.get(docker, image.tag)
      return layers.join() === manifest.layers.join()
    } catch (error) {
      if (error instanceof EngineUnavailable) throw error
      return false
    } finally {
      await images.remove(docker, image.tag)
    }
  })
}
