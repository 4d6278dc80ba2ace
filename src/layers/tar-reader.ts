import { LayerInvalid } from './listing.ts'
import { textOf } from './text.ts'

/**
 * Reads tars byte for byte: tar-stream decodes names and extended attributes as UTF-8, which destroys file
 * capabilities and names in other encodings, and knows no times or owners of pax headers.
 */

/** One header with its extended ones applied. Names are as `text.ts` makes them. */
export type TarHeader = {
  name: string
  /** The type flag as a character. */
  flag: string
  mode: number
  uid: number
  gid: number
  /** Epoch seconds, rounded down. */
  mtime: number
  /** Bytes of the body. */
  size: number
  linkname: string
  device: { major: number; minor: number }
  /** Extended attributes; a value's characters are its bytes. */
  xattrs: Record<string, string> | undefined
}

export type TarEvent =
  | { kind: 'entry'; header: TarHeader }
  | { kind: 'body'; bytes: Buffer }
  /** The entry's body is complete. */
  | { kind: 'end' }

export const BLOCK = 512
/** Bytes of one extended header: names have 4 KiB at most, an extended attribute 64 KiB. */
const MAX_EXTENDED = 1024 * 1024
const XATTR = 'SCHILY.xattr.'

/** What extended headers say of the next entry. */
type Extension = { pax?: Map<string, Buffer>; name?: Buffer; linkname?: Buffer }

/** An incremental parser: give it the bytes in any portions, then call {@link finish}. */
export class TarReader {
  /** A header's or an extended header's bytes that are not complete yet. */
  #held: Buffer[] = []
  #heldBytes = 0
  /** Bytes of the body, then of its padding, that are still to come. */
  #body = 0
  #padding = 0
  #extended: { flag: string; size: number } | undefined
  #extension: Extension = {}
  #zeroBlocks = 0

  /** @throws {LayerInvalid} the tar is cut off */
  finish(): void {
    if (this.#zeroBlocks === 0) throw new LayerInvalid('The tar of the layer is cut off.')
  }

  /** What the bytes complete. @throws {LayerInvalid} */
  *push(chunk: Buffer): Generator<TarEvent, void> {
    let at = 0
    while (at < chunk.length && this.#zeroBlocks < 2) {
      if (this.#body > 0) {
        const bytes = chunk.subarray(at, at + this.#body)
        at += bytes.length
        this.#body -= bytes.length
        yield { kind: 'body', bytes }
        if (this.#body === 0) yield { kind: 'end' }
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at)
        at += skipped
        this.#padding -= skipped
      } else {
        const wanted = (this.#extended?.size ?? BLOCK) - this.#heldBytes
        const bytes = chunk.subarray(at, at + wanted)
        at += bytes.length
        if (bytes.length < wanted) this.#hold(bytes)
        else yield* this.#complete(bytes)
      }
    }
  }

  #hold(bytes: Buffer): void {
    // A copy: the chunk may be the caller's to use again.
    this.#held.push(Buffer.from(bytes))
    this.#heldBytes += bytes.length
  }

  *#complete(last: Buffer): Generator<TarEvent, void> {
    const bytes = this.#held.length > 0 ? Buffer.concat([...this.#held, last]) : last
    this.#held = []
    this.#heldBytes = 0
    const extended = this.#extended
    if (extended) {
      this.#extended = undefined
      this.#padding = paddingOf(extended.size)
      this.#extend(extended.flag, bytes)
      return
    }
    if (isZero(bytes)) {
      this.#zeroBlocks++
      return
    }
    if (this.#zeroBlocks > 0 || !hasChecksum(bytes))
      throw new LayerInvalid('The layer is no tar, or damaged.')
    const flag = String.fromCharCode(bytes[156] ?? 0)
    if ('xgLK'.includes(flag)) {
      this.#expectExtended(flag, numberAt(bytes, 124, 12))
      return
    }
    const header = headerOf(bytes, flag, this.#extension)
    this.#extension = {}
    this.#body = '123456'.includes(flag) ? 0 : header.size
    this.#padding = paddingOf(this.#body)
    yield { kind: 'entry', header }
    if (this.#body === 0) yield { kind: 'end' }
  }

  #expectExtended(flag: string, size: number): void {
    if (size > MAX_EXTENDED) throw new LayerInvalid(`An extended header of the layer has ${size} bytes.`)
    if (size > 0) this.#extended = { flag, size }
  }

  #extend(flag: string, bytes: Buffer): void {
    // Global headers ("g") are for comments; the engine ignores them too.
    if (flag === 'x') this.#extension.pax = paxRecords(bytes)
    if (flag === 'L') this.#extension.name = untilZero(bytes)
    if (flag === 'K') this.#extension.linkname = untilZero(bytes)
  }
}

/** Numbers in extended headers; POSIX pax. */
const WHOLE = /^-?\d+$/
const TIME = /^-?\d+(\.\d*)?$/
/** Flags of those whose headers have numbers of a device: the oldest tars have anything there. */
const DEVICES = '34'

function headerOf(block: Buffer, flag: string, { pax, name, linkname }: Extension): TarHeader {
  if (flag === 'S' || [...(pax?.keys() ?? [])].some(key => key.startsWith('GNU.sparse.'))) {
    throw new LayerInvalid('The layer has a file in GNU tar’s sparse format.')
  }
  // An empty record takes back what was said before.
  const record = (key: string) => (pax?.get(key)?.length ? pax.get(key) : undefined)
  const number = (key: string, offset: number, length: number, accepted = WHOLE) => {
    const value = record(key)?.toString('latin1')
    if (value === undefined) return numberAt(block, offset, length)
    const result = Math.floor(accepted.test(value) ? Number(value) : Number.NaN)
    if (!Number.isSafeInteger(result)) throw new LayerInvalid(`A header of the layer has a wrong ${key}.`)
    return result
  }
  const size = number('size', 124, 12)
  if (size < 0) throw new LayerInvalid('A header of the layer has a negative size.')
  return {
    name: textOf(record('path') ?? name ?? nameAt(block)),
    flag,
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: number('uid', 108, 8),
    gid: number('gid', 116, 8),
    mtime: number('mtime', 136, 12, TIME),
    size,
    linkname: textOf(record('linkpath') ?? linkname ?? untilZero(block.subarray(157, 257))),
    device: DEVICES.includes(flag)
      ? { major: numberAt(block, 329, 8), minor: numberAt(block, 337, 8) }
      : { major: 0, minor: 0 },
    xattrs: pax && xattrsOf(pax),
  }
}

function xattrsOf(pax: Map<string, Buffer>): Record<string, string> | undefined {
  const xattrs = [...pax].filter(([key]) => key.startsWith(XATTR)).sort(([a], [b]) => (a < b ? -1 : 1))
  if (xattrs.length === 0) return undefined
  return Object.fromEntries(xattrs.map(([key, value]) => [key.slice(XATTR.length), value.toString('latin1')]))
}

/** Records are `LENGTH KEY=VALUE\n`, LENGTH counting all of it; POSIX pax. */
function paxRecords(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>()
  let at = 0
  while (at < bytes.length && bytes[at] !== 0) {
    const space = bytes.indexOf(0x20, at)
    const end = at + Number(bytes.toString('latin1', at, Math.max(space, at)))
    const equals = bytes.indexOf(0x3d, space)
    if (!(space > at && equals > space && equals < end && end <= bytes.length)) {
      throw new LayerInvalid('An extended header of the layer is damaged.')
    }
    records.set(textOf(bytes.subarray(space + 1, equals)), Buffer.from(bytes.subarray(equals + 1, end - 1)))
    at = end
  }
  return records
}

function nameAt(block: Buffer): Buffer {
  const name = untilZero(block.subarray(0, 100))
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isUstar ? untilZero(block.subarray(345, 500)) : Buffer.alloc(0)
  return prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name
}

function untilZero(bytes: Buffer): Buffer {
  const zero = bytes.indexOf(0)
  return zero < 0 ? bytes : bytes.subarray(0, zero)
}

/**
 * Octal digits, with spaces or zero bytes around them, or, with the first bit set, a base-256 number in two's
 * complement.
 */
function numberAt(block: Buffer, offset: number, length: number): number {
  const first = block[offset] ?? 0
  if (first < 0x80) {
    const [, digits] = OCTAL.exec(block.toString('latin1', offset, offset + length)) ?? []
    if (digits === undefined) throw new LayerInvalid('A header of the layer has a wrong number.')
    return Number.parseInt(digits || '0', 8)
  }
  let value = first & 0x40 ? first - 0x100 : first & 0x7f
  for (const byte of block.subarray(offset + 1, offset + length)) value = value * 256 + byte
  if (!Number.isSafeInteger(value)) throw new LayerInvalid('A header of the layer has a wrong number.')
  return value
}

const OCTAL = /^[ \0]*([0-7]*)(?:\0.*|[ \0]*)$/s

function hasChecksum(block: Buffer): boolean {
  let sum = 8 * 0x20
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i] as number
  return sum === numberAt(block, 148, 8)
}

const ZEROS = Buffer.alloc(BLOCK)

function isZero(block: Buffer): boolean {
  return block.equals(ZEROS)
}

/** Bytes that fill up the last block of a body. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}
