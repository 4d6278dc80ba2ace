import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { refusal } from './refusals.ts'

/** An upload spooled to a file, which goes with this object: `await using upload = await receiveUpload(…)`. */
export type ReceivedUpload = AsyncDisposable & {
  /** Absolute if `dir` was; mode 0600. */
  path: string
  bytes: number
  /** Hex digest of the bytes as they were sent. */
  sha256: string
}

/**
 * Spools a request's body to a file of a random name in `dir` (made if it is missing), at the speed of the disk.
 * Whatever goes wrong, no file is left. A body that is too large is left unread, neither drained nor destroyed, so
 * that the caller can still answer: close the connection after it.
 * @param maxBytes most bytes that are accepted
 * @param signal gives up and destroys the body; its reason is thrown
 * @throws {Problem} `upload_too_large` (413), `empty_upload`, `upload_interrupted`
 */
export async function receiveUpload(
  body: Readable | ReadableStream<Uint8Array>,
  { dir, maxBytes, signal }: { dir: string; maxBytes: number; signal?: AbortSignal },
): Promise<ReceivedUpload> {
  signal?.throwIfAborted()
  const source = body instanceof Readable ? body : Readable.fromWeb(body)
  // A sender may go away before the file is open, and an error that nobody listens for ends the process.
  source.on('error', () => {})
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, randomUUID())
  const dispose = () => rm(path, { force: true })
  try {
    await using file = await open(path, 'wx', 0o600)
    const { bytes, sha256 } = await spool(source, file, { maxBytes, signal })
    return { path, bytes, sha256, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function spool(
  source: Readable,
  file: FileHandle,
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal | undefined },
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  const abort = () => source.destroy(new Error('the upload was given up', { cause: signal?.reason }))
  signal?.addEventListener('abort', abort, { once: true })
  try {
    for await (const chunk of sent(source)) {
      bytes += chunk.length
      if (bytes > maxBytes) {
        const more = `Accepted is at most ${inUnit(maxBytes)} (DORMICE_UPLOAD_MAX).`
        throw refusal('upload_too_large', { more })
      }
      hash.update(chunk)
      await file.appendFile(chunk)
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
  signal?.throwIfAborted()
  if (bytes === 0) throw refusal('empty_upload')
  return { bytes, sha256: hash.digest('hex') }
}

/** A body's chunks; only what fails in reading them is the sender's fault, a full disk is not. */
async function* sent(source: Readable): AsyncGenerator<Buffer> {
  try {
    yield* source.iterator({ destroyOnReturn: false })
  } catch (cause) {
    throw refusal('upload_interrupted', { cause })
  }
}

/** `1 MiB`, `1.9 KiB`, `100 bytes`: a bound in the powers of 1024 that it is set in, never more than it is. */
function inUnit(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 4)
  const value = Math.floor((bytes / 1024 ** power) * 10) / 10
  return `${value} ${['bytes', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
}
