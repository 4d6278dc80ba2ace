import type { Readable } from 'node:stream'
import { LayerContents } from './contents.ts'
import type { Difference } from './difference.ts'
import { type Entry, LayerInvalid, type Listing } from './listing.ts'
import type { Inode } from './overlay.ts'
import { headerBytes, padding, TAR_END } from './tar-writer.ts'

/** A layer that can be read: what it has, and its plain tar. */
export interface LayerReader {
  listing(): Promise<Listing>
  read(): Readable
}

/** Bytes that are handed on at once. */
const BATCH = 64 * 1024

/**
 * The tar of a difference: folders, whiteouts, what has no content, files as their layers have them, and hard links
 * once all that they name is there. The same input gives the same bytes.
 */
export async function* packed({ folders, whiteouts, names }: Difference, layers: readonly LayerReader[]) {
  const batch = new Batch()
  for (const entries of [folders, whiteouts]) {
    for (const entry of entries) {
      batch.add(headerBytes(entry))
      if (batch.isFull) yield batch.take()
    }
  }
  const files = layers.map(() => new Map<number, Entry>())
  for (const [{ layer, index, entry }, [path]] of names) {
    const named = { ...entry, path }
    if (entry.type === 'file') files[layer]?.set(index, named)
    else batch.add(headerBytes(named))
    if (batch.isFull) yield batch.take()
  }
  for (const [layer, reader] of layers.entries()) yield* packedFiles(batch, reader, files[layer] ?? new Map())
  for (const [inode, paths] of names) {
    for (const link of linksOf(inode, paths)) {
      batch.add(headerBytes(link))
      if (batch.isFull) yield batch.take()
    }
  }
  batch.add(TAR_END)
  yield batch.take()
}

function linksOf({ entry }: Inode, [linkname, ...others]: readonly string[]): Entry[] {
  const { mode, uid, gid, mtime } = entry
  return others.map(path => ({
    path,
    type: 'link',
    mode,
    uid,
    gid,
    mtime,
    size: 0,
    linkname: linkname ?? '',
  }))
}

/** `files`: the wanted ones by their place in the layer's listing. */
async function* packedFiles(batch: Batch, reader: LayerReader, files: ReadonlyMap<number, Entry>) {
  let missing = files.size
  let index = 0
  let file: Entry | undefined
  if (missing === 0) return
  const contents = new LayerContents()
  for await (const chunk of reader.read()) {
    for (const part of contents.push(chunk as Buffer)) {
      if (part.kind === 'entry') {
        file = files.get(index++)
        if (file) batch.add(headerBytes(checked(file, part.entry)))
      } else if (!file) {
        // Nothing that is wanted.
      } else if (part.kind === 'bytes') {
        batch.add(part.bytes)
      } else {
        if (part.sha256 !== file.sha256) throw new LayerInvalid(`The content of "${file.path}" is damaged.`)
        batch.add(padding(file.size))
        missing--
        file = undefined
      }
    }
    if (batch.isFull) yield batch.take()
    if (missing === 0) return
  }
  throw new LayerInvalid('A layer has fewer files than its listing says.')
}

function checked(file: Entry, found: Entry): Entry {
  if (found.type === 'file' && found.size === file.size) return file
  throw new LayerInvalid(`A layer has "${found.path}" where its listing has "${file.path}".`)
}

class Batch {
  #parts: Buffer[] = []
  #size = 0

  get isFull(): boolean {
    return this.#size >= BATCH
  }

  add(bytes: Buffer): void {
    this.#parts.push(bytes)
    this.#size += bytes.length
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#parts, this.#size)
    this.#parts = []
    this.#size = 0
    return bytes
  }
}
