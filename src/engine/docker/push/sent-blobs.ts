import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { DiffId } from '../../engine.ts'

/** Those asked for last are kept: as many as a busy host has layers, in about 2 MB. */
const maxBlobs = 10_000

/** A compressed layer that the engine once sent: which layer it is, and its bytes. */
export type SentBlob = { layer: DiffId; size: number }

const keptShape = z.object({
  port: z.int().min(1).max(65_535).optional(),
  blobs: z.record(z.string(), z.tuple([z.string(), z.int().min(0)])),
})
type Kept = z.infer<typeof keptShape>

/**
 * What was sent by its compressed digest, which is what the engine asks for, and the port it was sent to, which is what
 * the engine knows a registry by. On disk, for an engine that is told "no" once sends hundreds of megabytes again.
 * Losing it costs just that, so a file that cannot be read is an empty one.
 */
export class SentBlobs {
  readonly #file: string | undefined
  readonly #blobs: LRUCache<string, SentBlob>
  #isNew = false
  #port: number | undefined

  /** @param file undefined keeps it for the life of the process */
  constructor(file: string | undefined) {
    this.#file = file
    const { port, blobs } = read(file)
    this.#port = port
    this.#blobs = new LRUCache({ max: maxBlobs })
    for (const [digest, [layer, size]] of Object.entries(blobs)) this.#blobs.set(digest, { layer, size })
  }

  /** The port listened on last time. */
  get port(): number | undefined {
    return this.#port
  }

  get(digest: string): SentBlob | undefined {
    return this.#blobs.get(digest)
  }

  set(digest: string, blob: SentBlob): void {
    this.#blobs.set(digest, blob)
    this.#isNew = true
  }

  setPort(port: number): void {
    if (port === this.#port) return
    this.#port = port
    this.#write()
  }

  /** Writes the file if something was sent since it was written. */
  save(): void {
    if (this.#isNew) this.#write()
  }

  #write(): void {
    this.#isNew = false
    if (this.#file === undefined) return
    // Oldest first, which is the order to read them back in.
    const blobs: Kept['blobs'] = {}
    for (const [digest, { value }] of this.#blobs.dump()) blobs[digest] = [value.layer, value.size]
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
      writeFileSync(`${this.#file}.new`, JSON.stringify({ port: this.#port, blobs }), { mode: 0o600 })
      renameSync(`${this.#file}.new`, this.#file)
    } catch {
      // A full disk: what was copied is copied all the same.
      this.#isNew = true
    }
  }
}

function read(file: string | undefined): Kept {
  const nothing = { blobs: {} }
  if (file === undefined) return nothing
  try {
    return keptShape.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return nothing
  }
}
