import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type Docker from 'dockerode'
import { extract } from 'tar-stream'
import type { LayerSink } from '../engine.ts'
import { isJson } from './blob-kind.ts'
import { bounded, engineError, reasonOf, statusOf } from './client.ts'

/** Bytes a second that even a slow engine gives. */
const slowest = 1_000_000

/** The engine cannot read a file of the image: `path`, as a container of it would see it. */
export class FileUnreadable extends Error {
  override name = 'FileUnreadable'
  readonly path: string

  constructor(path: string, cause: unknown) {
    super(`the engine cannot read ${path}`, { cause })
    this.path = path
  }
}

/**
 * What an engine says of such a file, with the path on its own machine: in the folder of a layer, which is named by 64
 * digits with every storage driver, and not in one where it works.
 */
const unreadable =
  /\b(?:open|lstat|read|readlink) \/.*?\/[0-9a-f]{64}\/(?:merged\/|diff\/)?(.+): (?:no such file or directory|input\/output error)/s

/**
 * Copies an image's layers by way of an archive of all of it: works everywhere, and costs seconds. What a file of the
 * archive holds is found out from itself, for the archive names the layers only after them.
 *
 * @throws {FileUnreadable}
 */
export async function copyBySave(
  docker: Docker,
  image: Docker.ImageInspectInfo,
  sink: LayerSink,
  closing: AbortSignal,
): Promise<void> {
  const given = new AbortController()
  const signal = AbortSignal.any([closing, given.signal])
  try {
    await bounded('save image', 10 * 60_000 + (image.Size / slowest) * 1000, async () => {
      const archive = (await docker.getImage(image.Id).get()) as Readable
      const files = extract()
      const [taken, read] = await Promise.allSettled([
        take(files, sink),
        pipeline(archive, files, { signal }),
      ])
      // A sink that fails ends the reading too, and is the reason.
      if (taken.status === 'rejected') throw taken.reason
      if (read.status === 'rejected') throw read.reason
    })
  } catch (error) {
    closing.throwIfAborted()
    const path = statusOf(error) === 500 ? unreadable.exec(reasonOf(error))?.[1] : undefined
    if (path !== undefined) throw new FileUnreadable(`/${path}`, error)
    throw engineError('save image', error)
  } finally {
    given.abort()
  }
}

async function take(files: ReturnType<typeof extract>, sink: LayerSink): Promise<void> {
  for await (const file of files) {
    const { name, type } = file.header
    const blob = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1]
    const isWanted = type === 'file' && (blob ? !sink.has(`sha256:${blob}`) : name.endsWith('/layer.tar'))
    const chunks = file[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const { value: first } = await chunks.next()
    if (isWanted && first !== undefined && !isJson(first))
      await sink.add(Readable.from(joined(first, chunks)))
    else while (!(await chunks.next()).done);
  }
}

async function* joined(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* { [Symbol.asyncIterator]: () => rest }
}
