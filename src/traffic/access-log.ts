import type { AccessRecord } from '../edge/context.ts'
import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import { accessLine } from './access-line.ts'

/** What takes finished lines; one write at a time. */
export type Sink = { write(lines: Buffer): Promise<void>; close(): Promise<void> }

type Batch = { readonly bytes: Buffer; length: number; records: number }

/** Bytes that wait at most, beside as many that are being written; records beyond are dropped. */
const batchBytes = 1024 * 1024
/** Bytes after which a batch is written without waiting for the next tick: some 1,000 records, that share its cost. */
const enoughBytes = 256 * 1024
/** Between two words on dropped records, ms. */
const tellInterval = 60_000

/**
 * The access log: one line a request, written many at once. It takes a bounded amount of memory and never waits: what
 * a slow or full disk does not take is dropped, counted and told of.
 */
export class AccessLog implements AsyncDisposable {
  readonly #sink: Sink
  readonly #log: Log
  readonly #now: () => number
  #filling = newBatch()
  #spare = newBatch()
  #writing: Promise<void> | undefined
  #dropped = 0
  #told = { dropped: 0, at: Number.NEGATIVE_INFINITY }
  #why: string | undefined

  /** @param now epoch ms */
  constructor(sink: Sink, log: Log, now: () => number = Date.now) {
    this.#sink = sink
    this.#log = log
    this.#now = now
  }

  /** Records that were not written since the start. */
  get dropped(): number {
    return this.#dropped
  }

  add(record: AccessRecord): void {
    const batch = this.#filling
    const line = accessLine(record, this.#now())
    if (batch.length + line.length > batchBytes) {
      this.#dropped++
      return
    }
    batch.length += batch.bytes.write(line, batch.length, 'latin1')
    batch.records++
    if (batch.length >= enoughBytes) this.#write()
  }

  /** To be called every second or so: writes what there is. */
  tick(): void {
    this.#write()
    this.#tell()
  }

  /** Resolves when everything that was added is written, or dropped. */
  async flush(): Promise<void> {
    this.#write()
    await this.#writing
    this.#write()
    await this.#writing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
    await this.#sink
      .close()
      .catch(error => this.#log.warn('access_log_not_closed', { error: messageOf(error) }))
    this.#told.at = Number.NEGATIVE_INFINITY
    this.#tell()
  }

  #write(): void {
    const batch = this.#filling
    if (this.#writing !== undefined || batch.length === 0) return
    this.#filling = this.#spare
    this.#writing = this.#sink
      .write(batch.bytes.subarray(0, batch.length))
      .catch(error => {
        this.#dropped += batch.records
        this.#why = messageOf(error)
      })
      .finally(() => {
        batch.length = batch.records = 0
        this.#spare = batch
        this.#writing = undefined
      })
  }

  #tell(): void {
    const records = this.#dropped - this.#told.dropped
    const now = this.#now()
    if (records === 0 || now - this.#told.at < tellInterval) return
    this.#told = { dropped: this.#dropped, at: now }
    this.#log.warn('access_records_dropped', { records, error: this.#why ?? 'the disk is too slow' })
    this.#why = undefined
  }
}

function newBatch(): Batch {
  return { bytes: Buffer.allocUnsafeSlow(batchBytes), length: 0, records: 0 }
}
