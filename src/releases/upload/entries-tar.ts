import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import * as tar from 'tar-stream'
import { Problem } from '../../problem.ts'
import { ACCEPTED_FORMATS, HEAD_BYTES, isNestedArchive, isTar } from './format.ts'
import { decodeName } from './names.ts'
import { refusal } from './refusals.ts'
import type { EntryHeader, EntryType } from './rules.ts'

/** An entry as the archive has it. Its body is to be read to the end, or not touched at all. */
export type RawEntry = EntryHeader & { body: AsyncIterable<Buffer> }

const BLOCK = 512
/** Two blocks of zeros end a tar. */
const END_BYTES = 2 * BLOCK
const READ_BYTES = 256 * 1024
/** Bytes of headers that one entry may need: two names of 4096 bytes, and what else a pax header has. */
const ENTRY_OVERHEAD = 16 * 1024
/** Bytes beyond all entries: padding at the end, and what is read ahead of the parser. */
const SLACK = 16 * 1024 * 1024
/** Records of the pax headers that hold for one entry; tar-stream copies the global ones for each. */
const MAX_PAX_RECORDS = 1000

/** What tar-stream hands out beyond its declared types. */
type Header = Omit<tar.Header, 'type' | 'linkname' | 'pax'> & {
  byteOffset: number
  /** null: a type flag it does not know. */
  type: tar.Header['type'] | null
  linkname: string | null
  pax: Readonly<Record<string, string>> | null
}

const TYPES: Readonly<Record<string, EntryType>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'link',
  'character-device': 'device',
  'block-device': 'device',
  fifo: 'fifo',
}

/**
 * The entries of a tar file, in order, unchecked but for the archive's own soundness:
 * - it has to end with two blocks of zeros. GNU tar tolerates their absence, but then half a tar that was cut
 *   between two entries would be deployed as if it were whole;
 * - blocks of zeros between entries are skipped (tars that were appended to each other, `tar -i`), anything else
 *   that is no header is damage, also after the end.
 * What no entry's size tells of, such as endless zeros or a flood of extended headers, is bounded: see `RawBytes`.
 * @throws {Problem} `archive_*`, `header_too_large`, `size_invalid`, `nested_archive`, `unknown_format`,
 *   `expands_too_much`
 */
export async function* tarEntries(path: string, { gzip }: { gzip: boolean }): AsyncGenerator<RawEntry> {
  const raw = new RawBytes()
  // Names as latin1 keep their bytes, so that what is no UTF-8 is seen.
  const options: object = { filenameEncoding: 'latin1', allowUnknownFormat: true }
  const extract = tar.extract(options)
  const source = Readable.from(raw.count(gzip ? gunzipped(path) : plain(path)))
  const feeding = pipeline(source, extract)
  feeding.catch(() => {})
  let end = 0
  try {
    for await (const entry of extract) {
      const header = entry.header as unknown as Header
      const bodyBytes = header.type === 'directory' ? 0 : Math.ceil(header.size / BLOCK) * BLOCK
      end = header.byteOffset + bodyBytes
      raw.allow(bodyBytes + ENTRY_OVERHEAD)
      // tar-stream never ends the stream of an entry that has a size but no body.
      const body =
        bodyBytes > 0 ? tarErrors(entry as AsyncIterable<unknown> as AsyncIterable<Buffer>) : empty()
      yield { ...entryHeader(header), body }
      for await (const _ of body) {
        // The next header comes after the body.
      }
    }
    await feeding
  } catch (error) {
    throw tarProblem(error)
  } finally {
    extract.destroy()
    source.destroy()
    await feeding.catch(() => {})
  }
  if (raw.bytes - end < END_BYTES || raw.zeros < END_BYTES) throw refusal('archive_truncated')
}

function entryHeader(header: Header): EntryHeader {
  if (Object.keys(header.pax ?? {}).length > MAX_PAX_RECORDS) throw refusal('header_too_large')
  // A pax header's names are UTF-8 and decoded already; what was no UTF-8 in them shows as U+FFFD.
  const name = header.pax?.path ? paxName(header.pax.path) : bytesName(header.name)
  const linkname = header.pax?.linkpath ? paxName(header.pax.linkpath) : bytesName(header.linkname ?? '')
  const size = header.size ?? 0
  return {
    name,
    type: entryType(header, name),
    mode: header.mode ?? 0,
    mtime: seconds(header),
    size,
    linkname,
  }
}

function entryType({ type, pax, size }: Header, name: string): EntryType {
  if (Object.keys(pax ?? {}).some(key => key.startsWith('GNU.sparse.'))) return 'other'
  // The oldest tars know a folder only by the slash.
  if (type === 'file' && name.endsWith('/')) return size ? 'other' : 'directory'
  return TYPES[type ?? ''] ?? 'other'
}

function seconds({ mtime, pax }: Header): number {
  return pax?.mtime ? Number(pax.mtime) : mtime.getTime() / 1000
}

function bytesName(latin1: string): string {
  return decodeName(Buffer.from(latin1, 'latin1'))
}

function paxName(name: string): string {
  if (name.includes('\ufffd')) throw refusal('name_not_utf8', { entry: name })
  return name
}

/**
 * Counts a tar's bytes, and the zeros that it ends with so far; bounds them by what its entries account for, so
 * that no gzip can keep the parser busy with anything else.
 */
class RawBytes {
  bytes = 0
  zeros = 0
  #allowed = SLACK

  allow(bytes: number): void {
    this.#allowed += bytes
  }

  async *count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length
      if (this.bytes > this.#allowed) {
        throw refusal('expands_too_much', { more: 'Most of it is not in its files.' })
      }
      const zeros = trailingZeros(chunk)
      this.zeros = zeros === chunk.length ? this.zeros + zeros : zeros
      yield chunk
    }
  }
}

/** How many zeros a chunk ends with; not counted beyond the end mark unless all of it is zeros. */
function trailingZeros(chunk: Buffer): number {
  let at = chunk.length
  while (at > 0 && chunk[at - 1] === 0) at--
  return chunk.length - at
}

async function* plain(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path, { highWaterMark: READ_BYTES })
}

/** A gzip's contents, if they are a tar. All members count; only zeros may follow the last one. */
async function* gunzipped(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES })
  const gunzip = createGunzip({ chunkSize: 64 * 1024 })
  const piping = pipeline(file, gunzip)
  piping.catch(() => {})
  try {
    yield* onlyTar(gunzip)
    await onlyZerosFrom(path, gunzip.bytesWritten)
  } catch (error) {
    throw gzipProblem(error)
  } finally {
    gunzip.destroy()
    file.destroy()
  }
}

async function* onlyTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of chunks) {
    if (!head) {
      yield chunk
      continue
    }
    head = Buffer.concat([head, chunk])
    if (head.length < HEAD_BYTES) continue
    refuseOther(head)
    yield head
    head = undefined
  }
  if (head) {
    if (head.length > 0) refuseOther(head)
    yield head
  }
}

function refuseOther(head: Buffer): void {
  if (isNestedArchive(head)) throw refusal('nested_archive')
  if (!isTar(head))
    throw refusal('unknown_format', { more: `It is a gzip, but holds no tar. ${ACCEPTED_FORMATS}` })
}

async function onlyZerosFrom(path: string, start: number): Promise<void> {
  for await (const chunk of createReadStream(path, { start, highWaterMark: READ_BYTES })) {
    if (trailingZeros(chunk) < chunk.length) {
      throw refusal('archive_corrupt', { more: 'Something follows the end of the gzip.' })
    }
  }
}

async function* empty(): AsyncGenerator<Buffer> {}

async function* tarErrors(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* body
  } catch (error) {
    throw tarProblem(error)
  }
}

/** tar-stream has no error codes, only these messages (pinned by tests). */
function tarProblem(cause: unknown): unknown {
  if (cause instanceof Problem || !(cause instanceof Error)) return cause
  if (cause.message === 'Unexpected end of data') return refusal('archive_truncated', { cause })
  if (cause.message === 'Header exceeds max size') return refusal('header_too_large', { cause })
  if (cause.message === 'Invalid header') return refusal('size_invalid', { cause })
  if (cause.message.startsWith('Invalid tar header')) {
    return refusal('archive_corrupt', { more: 'What should be the header of an entry is none.', cause })
  }
  return cause
}

function gzipProblem(cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'Z_BUF_ERROR') return refusal('archive_truncated', { cause })
  if (code === 'Z_DATA_ERROR')
    return refusal('archive_corrupt', { more: 'Its gzip does not decompress.', cause })
  return cause
}
