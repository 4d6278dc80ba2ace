import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, type Readable } from 'node:stream'
import type { DiffId, LayerSink } from '../../engine.ts'
import { isJson } from '../blob-kind.ts'

/** An image's configuration is some kilobytes. */
const maxJsonBytes = 4 * 1024 * 1024

/** What was uploaded: a layer, kept by the sink, or a JSON document. */
export type Blob = { digest: string; size: number } & ({ layer: DiffId } | { json: string })

/** One blob on its way from the engine, in one or more parts. */
export class Upload {
  readonly #sink: LayerSink
  readonly #spend: (bytes: number) => void
  readonly #hash = createHash('sha256')
  /** Aborted when nobody takes the layer's bytes any more. */
  readonly #untaken = new AbortController()
  #json: Buffer[] | undefined
  #layer: { tar: PassThrough; added: Promise<DiffId> } | undefined
  #size = 0
  #busy = false

  /** @param spend called with the bytes of each part that came, throws when they are too many */
  constructor(sink: LayerSink, spend: (bytes: number) => void) {
    this.#sink = sink
    this.#spend = spend
  }

  get size(): number {
    return this.#size
  }

  /** Takes a part in, no faster than the sink. */
  async receive(body: Readable): Promise<void> {
    if (this.#busy) throw new Error('a part of this upload is being received already')
    this.#busy = true
    try {
      // Not destroyed where it is refused half-way: the answer is still to be sent.
      for await (const chunk of body.iterator({ destroyOnReturn: false })) await this.#take(chunk)
    } finally {
      this.#busy = false
    }
  }

  /** Resolves once the blob is kept. @throws {Error} it is not what the digest says */
  async finish(digest: string): Promise<Blob> {
    if (this.#busy) throw new Error('a part of this upload is still being received')
    this.#layer?.tar.end()
    const layer = await this.#layer?.added
    const actual = `sha256:${this.#hash.digest('hex')}`
    if (actual !== digest) throw new Error(`${actual} was uploaded as ${digest}`)
    const blob = { digest, size: this.#size }
    return layer === undefined
      ? { ...blob, json: Buffer.concat(this.#json ?? []).toString() }
      : { ...blob, layer }
  }

  cancel(): void {
    this.#layer?.tar.destroy(new Error('the upload was cancelled'))
  }

  async #take(chunk: Buffer): Promise<void> {
    this.#spend(chunk.length)
    if (this.#size === 0) this.#begin(chunk)
    this.#size += chunk.length
    this.#hash.update(chunk)
    if (this.#layer) {
      if (this.#untaken.signal.aborted) return void (await this.#layer.added)
      if (!this.#layer.tar.write(chunk)) await this.#drained(this.#layer)
    } else {
      if (this.#size > maxJsonBytes) throw new Error(`a JSON document of over ${maxJsonBytes} bytes`)
      this.#json?.push(chunk)
    }
  }

  #begin(first: Buffer): void {
    if (isJson(first)) {
      this.#json = []
      return
    }
    const tar = new PassThrough()
    const added = this.#sink.add(tar)
    // A failure is told to whoever waits for it in the end; here it only ends waiting for the sink to read on.
    added.catch(() => undefined).finally(() => this.#untaken.abort())
    tar.on('error', () => undefined)
    this.#layer = { tar, added }
  }

  async #drained({ tar, added }: { tar: PassThrough; added: Promise<DiffId> }): Promise<void> {
    try {
      await once(tar, 'drain', { signal: this.#untaken.signal })
    } catch (error) {
      await added
      throw error
    }
  }
}
