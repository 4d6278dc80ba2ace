import { createHash } from 'node:crypto'
import { type Entry, entryOf, entryWeight, LayerInvalid } from './listing.ts'
import { SymlinkedFolders } from './symlinked-folders.ts'
import { TarReader } from './tar-reader.ts'

/** Parts of a layer's tar: an entry, then the bytes of its content, then its end with the content's SHA-256. */
export type Part =
  | { kind: 'entry'; entry: Entry }
  | { kind: 'bytes'; bytes: Buffer }
  | { kind: 'end'; entry: Entry; sha256: string | undefined }

/**
 * A layer's entries with their contents as its tar's bytes come in: the one place that says which entries of a tar
 * count, so that the n-th here is the n-th of its listing.
 */
export class LayerContents {
  readonly #tar = new TarReader()
  readonly #symlinks = new SymlinkedFolders()
  #entry: Entry | undefined
  #hash: ReturnType<typeof createHash> | undefined

  /** @throws {LayerInvalid} the tar is cut off */
  finish(): void {
    if (this.#entry) throw new LayerInvalid(`The tar of the layer is cut off in "${this.#entry.path}".`)
    this.#tar.finish()
  }

  /** What the bytes complete. @throws {LayerInvalid} */
  *push(chunk: Buffer): Generator<Part, void> {
    for (const event of this.#tar.push(chunk)) {
      if (event.kind === 'entry') {
        const entry = entryOf(event.header)
        this.#entry = entry && this.#symlinks.placed(entry)
        if (!this.#entry) continue
        this.#hash = this.#entry.type === 'file' ? createHash('sha256') : undefined
        yield { kind: 'entry', entry: this.#entry }
      } else if (!this.#entry) {
        // Belongs to an entry without meaning.
      } else if (event.kind === 'body') {
        if (!this.#hash) continue
        this.#hash.update(event.bytes)
        yield { kind: 'bytes', bytes: event.bytes }
      } else {
        yield { kind: 'end', entry: this.#entry, sha256: this.#hash?.digest('hex') }
        this.#entry = undefined
      }
    }
  }
}

/** Bytes of memory that a listing may take, roughly: half a million entries. A tar of zeros' worth is soon sent. */
const MAX_WEIGHT = 256 * 1024 * 1024

/** Makes a layer's listing while its tar's bytes pass. */
export class Lister {
  readonly #contents = new LayerContents()
  readonly #entries: Entry[] = []
  #weight = 0

  /** @throws {LayerInvalid} */
  push(chunk: Buffer): void {
    for (const part of this.#contents.push(chunk)) {
      if (part.kind !== 'end') continue
      if (part.sha256) part.entry.sha256 = part.sha256
      this.#entries.push(part.entry)
      this.#weight += entryWeight(part.entry)
      if (this.#weight > MAX_WEIGHT) {
        throw new LayerInvalid(
          `The layer has too many entries: ${this.#entries.length} take too much memory.`,
        )
      }
    }
  }

  /** @throws {LayerInvalid} the tar is cut off */
  finish(): Entry[] {
    this.#contents.finish()
    return this.#entries
  }
}
