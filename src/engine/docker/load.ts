import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type Docker from 'dockerode'
import { type Pack, pack } from 'tar-stream'
import type { DiffId, ImageManifest, LayerSource } from '../engine.ts'
import { bounded } from './client.ts'
import { configFile } from './image-config.ts'
import { readProgress } from './progress.ts'

/** Bytes a second that even a slow disk takes in. */
const slowest = 2_000_000

/** An image to load: what it is made of, and what it is called. */
export type Load = {
  manifest: ImageManifest
  labels: Readonly<Record<string, string>>
  /** The image's only tag. */
  tag: string
}

/** The file of a layer in the archive, by its place from the bottom. */
const fileName = (place: number) => `${place}/layer.tar`
/** What the engine says when it needs a file that was left out: the place is that of {@link fileName}. */
const leftOut = /(?:^|[/\s])(\d+)\/layer\.tar: no such file/

/** The engine needed the file of a layer that was left out of the archive. */
export class NeedsLayer extends Error {
  override name = 'NeedsLayer'
  /** Place of the layer, from the bottom; the engine has all that are below it. */
  readonly place: number

  constructor(place: number, cause: unknown) {
    super(`the engine has not the layer at ${place}`, { cause })
    this.place = place
  }
}

/**
 * Makes an image by loading an archive of it, in the format that every engine since 1.10 reads.
 *
 * @param from the layers below this place are left out of the archive: the engine takes them from its own store
 * @throws {NeedsLayer} the engine has not one of those; no image is left
 */
export async function load(docker: Docker, image: Load, from: number, source: LayerSource): Promise<void> {
  const config = configFile(image.manifest, image.labels)
  const { layers } = image.manifest
  const sent = layers.map((id, place) => ({ id, place })).slice(from)
  const bytes = sent.reduce((sum, { id }) => sum + source.size(id), 0)
  const archive = pack()
  const given = new AbortController()
  try {
    await bounded('load image', 10 * 60_000 + (bytes / slowest) * 1000, async () => {
      const written = write(archive, config, image, sent, source)
      const answer = docker.loadImage(Readable.from(archive), { quiet: true, abortSignal: given.signal })
      // Whichever fails first is the reason: a source that breaks, or an engine that refuses.
      await Promise.race([written.then(() => answer), answer])
      await readProgress(await answer)
    })
  } catch (error) {
    const place = leftOut.exec(error instanceof Error ? error.message : '')?.[1]
    throw place === undefined ? error : new NeedsLayer(Number(place), error)
  } finally {
    given.abort()
    archive.destroy()
  }
}

async function write(
  archive: Pack,
  config: string,
  { manifest, tag }: Load,
  sent: readonly { id: DiffId; place: number }[],
  source: LayerSource,
): Promise<void> {
  const name = `${createHash('sha256').update(config).digest('hex')}.json`
  const layers = manifest.layers.map((_, place) => fileName(place))
  archive.entry({ name }, config)
  archive.entry(
    { name: 'manifest.json' },
    JSON.stringify([{ Config: name, RepoTags: [tag], Layers: layers }]),
  )
  for (const { id, place } of sent) {
    await pipeline(source.open(id), archive.entry({ name: fileName(place), size: source.size(id) }))
  }
  archive.finalize()
}
