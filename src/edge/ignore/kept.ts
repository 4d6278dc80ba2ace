import type { IncomingHttpHeaders } from 'node:http'
import { LRUCache } from 'lru-cache'
import type { RawHeaders } from '../headers.ts'

/** An answer of an app, kept to be given in its place. */
export type KeptAnswer = {
  /** Those that are about the content; without its length. */
  headers: RawHeaders
  body: Buffer
  /** Content coding; undefined: none. */
  coding: string | undefined
  /** When it came, in ms of a clock that only grows. */
  at: number
}

/** Bytes of the largest body that is kept. */
export const largestKept = 64 * 1024
/** Bytes of all that is kept of one app. */
const perApp = 512 * 1024
/** Bytes of all that is kept of all apps. */
const inAll = 16 * 1024 * 1024

/** What an answer costs besides its texts: the objects that hold them. Bytes. */
const overhead = 1024

/**
 * Bounds what is kept of all apps together: what is kept of the one that it was kept of longest ago goes
 * first.
 */
export class Shelves {
  readonly #weighed = new LRUCache<Kept, Kept>({
    maxSize: inAll,
    sizeCalculation: kept => kept.bytes,
    // Not `dispose`, which runs while it is still being taken out.
    disposeAfter: (kept, _, reason) => {
      if (reason === 'evict') kept.clear()
    },
  })

  /** Bytes of all that is kept. */
  get bytes(): number {
    return this.#weighed.calculatedSize
  }

  /** What is kept of an app has changed. */
  weigh(kept: Kept): void {
    // Only a new entry is weighed anew.
    this.#weighed.delete(kept)
    if (kept.bytes > 0) this.#weighed.set(kept, kept)
  }
}

/** Answers of one app, by host, path and query: the last ones, in memory only. */
export class Kept {
  readonly #shelves: Shelves
  readonly #answers = new LRUCache<string, KeptAnswer>({
    max: 64,
    maxSize: perApp,
    sizeCalculation: ({ headers, body }, place) =>
      headers.reduce((sum, text) => sum + text.length, body.length + place.length + overhead),
  })

  constructor(shelves: Shelves) {
    this.#shelves = shelves
  }

  get bytes(): number {
    return this.#answers.calculatedSize
  }

  /** @param place host, path and query */
  find(place: string): KeptAnswer | undefined {
    return this.#answers.get(place)
  }

  keep(place: string, answer: KeptAnswer): void {
    this.#answers.set(place, answer)
    this.#shelves.weigh(this)
  }

  clear(): void {
    this.#answers.clear()
    this.#shelves.weigh(this)
  }
}

/**
 * Whether an answer of the app with this request is one that anybody may get in its place, as a shared cache
 * decides.
 */
export function mayKeep(request: IncomingHttpHeaders, status: number, answer: IncomingHttpHeaders): boolean {
  if (status !== 200 || request.authorization !== undefined || request.cookie !== undefined) return false
  if (answer['set-cookie'] !== undefined || Number(answer['content-length'] ?? 0) > largestKept) return false
  if (/(^|[\s,])(no-store|private)\b/i.test(joined(answer['cache-control']))) return false
  const varies = joined(answer.vary)
  return varies === '' || /^\s*accept-encoding\s*$/i.test(varies)
}

/** Of an answer's headers those that are kept with it. */
export function headersToKeep(raw: readonly (Buffer | string)[]): RawHeaders {
  const out: RawHeaders = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i])
    if (ABOUT_CONTENT.test(name)) out.push(name, text(raw[i + 1]))
  }
  return out
}

const ABOUT_CONTENT = new RegExp(
  `^(${[
    'content-(?!length$|range$).*',
    'etag|last-modified|cache-control|expires|vary|link',
    'x-(content-type-options|frame-options|robots-tag)',
    'access-control-allow-origin|cross-origin-.*|referrer-policy',
  ].join('|')})$`,
  'i',
)

function joined(header: string | string[] | undefined): string {
  return typeof header === 'object' ? header.join(',') : (header ?? '')
}

function text(value: Buffer | string | undefined): string {
  return typeof value === 'object' ? value.toString('latin1') : (value ?? '')
}
