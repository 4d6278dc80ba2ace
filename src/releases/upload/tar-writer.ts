import { Readable } from 'node:stream'

/** One entry to write; its body has exactly `size` bytes. */
export type TarEntry = {
  path: string
  type: 'file' | 'directory' | 'symlink' | 'link'
  /** Permission bits. */
  mode: number
  uid: number
  gid: number
  /** Whole seconds since 1970. */
  mtime: number
  size: number
  linkname: string
  body?: AsyncIterable<Uint8Array>
}

const BLOCK = 512
const CHUNK = 64 * 1024
const TYPE_FLAGS = { file: '0', link: '1', symlink: '2', directory: '5' } as const
/** Largest number of an eleven-digit octal field. */
const MAX_OCTAL_11 = 0o77777777777
/** Largest number of a seven-digit octal field, for owners. */
const MAX_OCTAL_7 = 0o7777777

/**
 * Writes entries as a plain tar (ustar, with pax headers for long or non-ASCII names and sizes from 8 GiB).
 * It takes the next entry only when the reader asks for more: tar-stream's packer queues entries that have no body
 * without bound. An error of the iterable, or a body of another size, destroys the stream.
 */
export function tarStream(entries: AsyncIterable<TarEntry>): Readable {
  return Readable.from(inChunks(tarBlocks(entries)), { objectMode: false, highWaterMark: CHUNK })
}

async function* tarBlocks(entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    yield tarHeader(entry)
    let bytes = 0
    for await (const chunk of entry.body ?? []) {
      bytes += chunk.length
      if (bytes > entry.size) break
      yield chunk
    }
    if (bytes !== entry.size)
      throw new Error(`${entry.path} has not the ${entry.size} bytes it was said to have`)
    yield Buffer.alloc(-bytes & (BLOCK - 1))
  }
  yield Buffer.alloc(2 * BLOCK)
}

/** Joins small pieces, so that an archive of small files is not sent block by block. */
async function* inChunks(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    waiting.push(piece)
    bytes += piece.length
    if (bytes < CHUNK) continue
    yield waiting.length === 1 ? piece : Buffer.concat(waiting)
    waiting = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(waiting)
}

/** An entry's header block, after the pax header that it needs for what does not fit. */
function tarHeader(entry: TarEntry): Buffer {
  const name = entry.type === 'directory' ? `${entry.path}/` : entry.path
  const records = [
    fitsAscii(name, 100) ? '' : paxRecord('path', name),
    fitsAscii(entry.linkname, 100) ? '' : paxRecord('linkpath', entry.linkname),
    entry.size <= MAX_OCTAL_11 ? '' : paxRecord('size', String(entry.size)),
  ].join('')
  const header = ustarBlock(entry, name, TYPE_FLAGS[entry.type])
  if (records === '') return header
  const body = Buffer.from(records)
  const pax = ustarBlock({ ...entry, mode: 0o644, size: body.length, linkname: '' }, 'PaxHeader', 'x')
  return Buffer.concat([pax, body, Buffer.alloc(-body.length & (BLOCK - 1)), header])
}

/** POSIX.1-2008, pax interchange format, "ustar Interchange Format". */
function ustarBlock(entry: TarEntry, name: string, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK)
  Buffer.from(name).copy(block, 0, 0, 100)
  block.write(octal(entry.mode, 7), 100, 'latin1')
  block.write(octal(Math.min(entry.uid, MAX_OCTAL_7), 7), 108, 'latin1')
  block.write(octal(Math.min(entry.gid, MAX_OCTAL_7), 7), 116, 'latin1')
  block.write(octal(entry.size <= MAX_OCTAL_11 ? entry.size : 0, 11), 124, 'latin1')
  block.write(octal(Math.min(entry.mtime, MAX_OCTAL_11), 11), 136, 'latin1')
  block.write('        ', 148, 'latin1')
  block.write(flag, 156, 'latin1')
  Buffer.from(entry.linkname).copy(block, 157, 0, 100)
  block.write('ustar\x0000', 257, 'latin1')
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return block
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function fitsAscii(text: string, bytes: number): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
  return text.length <= bytes && /^[\u0000-\u007f]*$/.test(text)
}

/** `"<length> <key>=<value>\n"`, the length counting itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}
