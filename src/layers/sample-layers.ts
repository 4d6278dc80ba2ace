import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Lister } from './contents.ts'
import { type Entry, type EntryType, hiding, type Listing } from './listing.ts'
import type { LayerReader } from './pack.ts'
import { headerBytes, padding, TAR_END } from './tar-writer.ts'

/** For tests: an entry of a layer with its content. */
export type Sample = Entry & { content?: Buffer }

type Details = Partial<Omit<Sample, 'content'>> & { content?: string }

/** For tests: an entry with everything unsaid as it usually is. */
export function sample(type: EntryType, path: string, { content, ...details }: Details = {}): Sample {
  if (type === 'whiteout' || type === 'opaque') return hiding(type, path)
  const mode = type === 'directory' ? 0o755 : 0o644
  const entry = { path, type, mode, uid: 0, gid: 0, mtime: 1_700_000_000, size: 0, linkname: '', ...details }
  if (type !== 'file') return entry
  const bytes = Buffer.from(content ?? '')
  return {
    ...entry,
    content: bytes,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
}

export const file = (path: string, content = '', details: Details = {}) =>
  sample('file', path, { ...details, content })
export const folder = (path: string, details?: Details) => sample('directory', path, details)
export const symlink = (path: string, linkname: string) => sample('symlink', path, { linkname })
export const link = (path: string, linkname: string, details: Details = {}) =>
  sample('link', path, { ...details, linkname })
export const whiteout = (path: string) => sample('whiteout', path)
export const opaque = (path: string) => sample('opaque', path)

/** For tests: the layer's plain tar. */
export function tarOf(samples: readonly Sample[]): Buffer {
  const parts = samples.flatMap(entry => [
    headerBytes(entry),
    entry.content ?? Buffer.alloc(0),
    padding(entry.size),
  ])
  return Buffer.concat([...parts, TAR_END])
}

/** For tests: a layer in memory; its listing is read from its tar. */
export function layerOf(samples: readonly Sample[]): LayerReader & { list: Listing } {
  return layerOfTar(tarOf(samples))
}

export function layerOfTar(tar: Buffer): LayerReader & { list: Listing } {
  const lister = new Lister()
  lister.push(tar)
  const list = lister.finish()
  return { list, listing: async () => list, read: () => Readable.from([tar], { objectMode: false }) }
}

/** For tests: all of a stream. */
export async function bytesIn(stream: AsyncIterable<unknown>): Promise<Buffer> {
  return Buffer.concat((await Array.fromAsync(stream)) as Buffer[])
}
