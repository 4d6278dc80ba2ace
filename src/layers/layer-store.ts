import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline as pipe, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip, createZstdDecompress } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import type { DiffId, LayerSink, LayerSource } from '../engine/engine.ts'
import { Lister } from './contents.ts'
import { type Entry, LayerInvalid, type Listing, weightOf } from './listing.ts'
import { readListing, writeListing } from './listing-file.ts'
import type { LayerReader } from './pack.ts'

/** While held, layers are not removed; see {@link LayerStore.retain}. */
export type Retention = Disposable & {
  /** Protects one more layer. */
  add(id: DiffId): void
}

const LAYER = '.tar.gz'
const LISTING = '.list.gz'
/** A file that is being written; what has this ending at the start is of a crash. */
const PART = '.part'
/** Bytes of memory for listings. */
const LISTINGS = 32 * 1024 * 1024
const GZIP_MAGIC = 0x1f8b
const ZSTD_MAGIC = 0x28b52ffd
/** Bytes that are (de)compressed at once: the default of 16 KiB is slow. */
const chunkSize = 128 * 1024

/**
 * Layers in one folder, each under its diff id: `<hex>.tar.gz` and, beside it, its listing. A layer is there when
 * its own file is, which is the last that is written and the first that is removed, so that no crash leaves half a
 * layer. One store, of one process, per folder.
 */
export class LayerStore implements LayerSink, LayerSource {
  readonly #dir: string
  /** Bytes of each layer's file. */
  readonly #sizes = new Map<DiffId, number>()
  readonly #listings = new LRUCache<DiffId, Entry[]>({ maxSize: LISTINGS, sizeCalculation: weightOf })
  readonly #retained = new Set<Set<DiffId>>()
  /** Files appear and go one at a time. */
  readonly #publishing = pLimit(1)
  #bytes = 0

  constructor(dir: string) {
    this.#dir = dir
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const names = new Set(readdirSync(dir))
    for (const name of names) {
      const path = join(dir, name)
      const orphan = name.endsWith(LISTING) && !names.has(name.replace(LISTING, LAYER))
      if (name.endsWith(PART) || orphan) rmSync(path)
      else if (name.endsWith(LAYER))
        this.#appeared(`sha256:${name.slice(0, -LAYER.length)}`, statSync(path).size)
    }
  }

  /** Bytes of all layers' files; their listings take a few percent more. */
  get bytes(): number {
    return this.#bytes
  }

  /** All layers, in no order. */
  ids(): DiffId[] {
    return [...this.#sizes.keys()]
  }

  has(id: DiffId): boolean {
    const has = this.#sizes.has(id)
    // Who asks goes on as if it stayed.
    if (has) this.#touched(id)
    return has
  }

  size(id: DiffId): number {
    const size = this.#sizes.get(id)
    if (size === undefined) throw new Error(`There is no layer ${id}.`)
    return size
  }

  /**
   * Keeps a layer's tar, plain or compressed with gzip or zstd, and resolves once it is on disk. Adding what is there
   * already changes nothing. Whatever fails (the stream, the disk) leaves nothing behind.
   * @throws {LayerInvalid} it is no tar, is cut off, or has entries that no layer may have
   */
  async add(tar: Readable): Promise<DiffId> {
    const part = join(this.#dir, randomUUID())
    try {
      await using file = await open(part + LAYER + PART, 'wx', 0o600)
      const { id, listing } = await store(tar, file)
      await file.sync()
      const { size } = await file.stat()
      await this.#writeListing(part, listing)
      return await this.#publishing(async () => {
        if (!this.has(id)) {
          await rename(part + LISTING + PART, this.#path(id, LISTING))
          await rename(part + LAYER + PART, this.#path(id, LAYER))
          await this.#flushFolder()
          this.#appeared(id, size)
          this.#listings.set(id, listing)
        }
        this.#touched(id)
        return id
      })
    } finally {
      tar.destroy()
      await Promise.all([LAYER, LISTING].map(ending => rm(part + ending + PART, { force: true })))
    }
  }

  open(id: DiffId): Readable {
    this.size(id)
    this.#touched(id)
    // Opened at once: from here on it can be read to its end, even if the layer is removed.
    const path = this.#path(id, LAYER)
    return createReadStream(path, { fd: openSync(path, 'r') })
  }

  /** The layer's plain tar. */
  read(id: DiffId): Readable {
    const plain = createGunzip()
    pipe(this.open(id), plain, () => {})
    return plain
  }

  /** What the layer has; made again from its tar if it was lost. */
  async listing(id: DiffId): Promise<Listing> {
    this.size(id)
    this.#touched(id)
    const cached = this.#listings.get(id)
    if (cached) return cached
    const listing = (await readListing(this.#path(id, LISTING))) ?? (await this.#listAgain(id))
    if (this.has(id)) this.#listings.set(id, listing as Entry[])
    return listing
  }

  /** The layer as {@link merge} and the like take it. */
  reader(id: DiffId): LayerReader {
    return { listing: () => this.listing(id), read: () => this.read(id) }
  }

  /**
   * Protects these layers, and every layer that is added, found, opened or listed by anyone while it is held, from
   * {@link keep}. An operation holds one from before its first `add` until what it made is recorded.
   */
  retain(ids: Iterable<DiffId> = []): Retention {
    const retained = new Set(ids)
    this.#retained.add(retained)
    return {
      add: id => void retained.add(id),
      [Symbol.dispose]: () => void this.#retained.delete(retained),
    }
  }

  /**
   * Removes all layers but these and the retained ones. Which ones go is decided before it returns: call it in the
   * same step that found out which are needed, so that none can be recorded as needed in between.
   */
  async keep(ids: ReadonlySet<DiffId>): Promise<{ removed: number; bytes: number }> {
    const kept = [ids, ...this.#retained]
    const gone = [...this.#sizes].filter(([id]) => !kept.some(some => some.has(id)))
    for (const [id, size] of gone) this.#vanished(id, size)
    await this.#publishing(async () => {
      for (const [id] of gone) {
        // It may have been added again since.
        if (this.has(id)) continue
        await rm(this.#path(id, LAYER), { force: true })
        await rm(this.#path(id, LISTING), { force: true })
      }
    })
    return { removed: gone.length, bytes: gone.reduce((sum, [, size]) => sum + size, 0) }
  }

  #path(id: DiffId, ending: string): string {
    return join(this.#dir, id.replace('sha256:', '') + ending)
  }

  #appeared(id: DiffId, size: number): void {
    this.#sizes.set(id, size)
    this.#bytes += size
  }

  #vanished(id: DiffId, size: number): void {
    this.#sizes.delete(id)
    this.#listings.delete(id)
    this.#bytes -= size
  }

  #touched(id: DiffId): void {
    for (const retained of this.#retained) retained.add(id)
  }

  async #writeListing(part: string, listing: Listing): Promise<void> {
    await using file = await open(part + LISTING + PART, 'wx', 0o600)
    await writeListing(file, listing)
    await file.sync()
  }

  async #listAgain(id: DiffId): Promise<Listing> {
    const lister = new Lister()
    for await (const chunk of this.read(id)) lister.push(chunk)
    const listing = lister.finish()
    const part = join(this.#dir, randomUUID())
    try {
      await this.#writeListing(part, listing)
      await this.#publishing(async () => {
        if (this.has(id)) await rename(part + LISTING + PART, this.#path(id, LISTING))
      })
    } finally {
      await rm(part + LISTING + PART, { force: true })
    }
    return listing
  }

  async #flushFolder(): Promise<void> {
    await using folder = await open(this.#dir, 'r')
    await folder.sync()
  }
}

/** Writes a tar's bytes compressed into a file, and says what the tar is and has. */
async function store(tar: Readable, file: FileHandle): Promise<{ id: DiffId; listing: Entry[] }> {
  const hash = createHash('sha256')
  const lister = new Lister()
  const look = (chunk: Buffer) => {
    hash.update(chunk)
    lister.push(chunk)
  }
  const write = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      // Unlike write(), it writes all of it.
      await file.writeFile(chunk)
      yield chunk
    }
  }
  const { compression, chunks } = await sniff(tar)
  if (compression === 'gzip') {
    await pipeline(chunks, write, createGunzip({ chunkSize }), async plain => {
      for await (const chunk of plain) look(chunk as Buffer)
    })
  } else {
    const seen = async function* (plain: AsyncIterable<Buffer>) {
      for await (const chunk of plain) {
        look(chunk)
        yield chunk
      }
    }
    const plain =
      compression === 'zstd'
        ? pipe(Readable.from(chunks), createZstdDecompress({ chunkSize }), () => {})
        : chunks
    await pipeline(plain, seen, createGzip({ level: 1, chunkSize }), write, async written => {
      for await (const _ of written) {
        // What is written is done with.
      }
    })
  }
  return { listing: lister.finish(), id: `sha256:${hash.digest('hex')}` }
}

/** How a stream is compressed, and all of its bytes. */
async function sniff(
  tar: Readable,
): Promise<{ compression: 'gzip' | 'zstd' | undefined; chunks: AsyncGenerator<Buffer> }> {
  const iterator = tar[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let head = Buffer.alloc(0)
  while (head.length < 4) {
    const { value, done } = await iterator.next()
    if (done) throw new LayerInvalid('The layer is empty or cut off.')
    head = Buffer.concat([head, value])
  }
  async function* chunks() {
    yield head
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  const compression =
    head.readUInt16BE(0) === GZIP_MAGIC ? 'gzip' : head.readUInt32BE(0) === ZSTD_MAGIC ? 'zstd' : undefined
  return { compression, chunks: chunks() }
}
