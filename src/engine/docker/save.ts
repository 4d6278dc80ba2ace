import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type Docker from 'dockerode'
import { extract } from 'tar-stream'
import type { LayerSink } from '../engine.ts'
import { bounded } from './client.ts'

/** Copies an image's layers by way of an archive of all of it: works everywhere, and costs seconds. */
export async function copyBySave(
  docker: Docker,
  image: Docker.ImageInspectInfo,
  sink: LayerSink,
): Promise<void> {
  await bounded('save image', 10 * 60_000 + image.Size / 2_000, async () => {
    const archive = (await docker.getImage(image.Id).get()) as Readable
    const files = extract()
    const read = pipeline(archive, files)
    const taken = (async () => {
      for await (const file of files) {
        const { name, type } = file.header
        if (type === 'file' && /\/layer\.tar$/.test(name)) await sink.add(file.pipe(new PassThrough()))
        else file.resume()
      }
    })()
    await Promise.all([read, taken])
  })
}
