import type { Readable } from 'node:stream'
import { crc32, inflateRawSync } from 'node:zlib'
import type yauzl from 'yauzl'
import { refusal } from './refusals.ts'
import type { OpenZip } from './zip-open.ts'
import { zipProblem } from './zip-problem.ts'

/** Entries up to this size are read at once: a small file is not worth four streams. */
const AT_ONCE_BYTES = 64 * 1024

/**
 * An entry's contents, checked against the size and the CRC that the zip says they have.
 * @param dataStart offset of the contents in the file
 * @throws {Problem} `zip_mismatch`, `archive_corrupt`
 */
export async function* zipBody(
  open: OpenZip,
  entry: yauzl.Entry,
  { name, dataStart }: { name: string; dataStart: number },
): AsyncGenerator<Buffer> {
  const small = Math.max(entry.compressedSize, entry.uncompressedSize) <= AT_ONCE_BYTES
  let sum = 0
  try {
    for await (const chunk of small
      ? atOnce(open, entry, { name, dataStart })
      : streamed(open, entry, name)) {
      sum = crc32(chunk, sum)
      yield chunk
    }
  } catch (error) {
    throw zipProblem(error)
  }
  if (sum !== entry.crc32) {
    throw refusal('archive_corrupt', { more: `The checksum of ${JSON.stringify(name)} is wrong.` })
  }
}

async function* atOnce(
  { reader }: OpenZip,
  entry: yauzl.Entry,
  { name, dataStart }: { name: string; dataStart: number },
): AsyncGenerator<Buffer> {
  const raw = await reader.bytes(dataStart, entry.compressedSize)
  const contents = entry.compressionMethod === 0 ? raw : inflated(raw, entry.uncompressedSize)
  if (contents?.length !== entry.uncompressedSize) throw sizeMismatch(name)
  yield contents
}

/** undefined when it is more than it should be; memory stays bounded by what it should be. */
function inflated(raw: Buffer, size: number): Buffer | undefined {
  try {
    return inflateRawSync(raw, { maxOutputLength: Math.max(1, size) })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw error
  }
}

async function* streamed({ zip }: OpenZip, entry: yauzl.Entry, name: string): AsyncGenerator<Buffer> {
  let stream: Readable | undefined
  try {
    stream = await zip.openReadStreamPromise(entry)
    yield* stream
  } catch (cause) {
    const lies = cause instanceof Error && / bytes in the stream/.test(cause.message)
    throw lies ? sizeMismatch(name, cause) : cause
  } finally {
    stream?.destroy()
  }
}

function sizeMismatch(entry: string, cause?: unknown): Error {
  return refusal('zip_mismatch', { entry, more: 'Its contents have another size than it says.', cause })
}
