import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type RawEntry, tarEntries } from './entries-tar.ts'
import { zipEntries } from './entries-zip.ts'
import type { UploadFormat } from './format.ts'
import type { ArchiveLimits } from './limits.ts'
import type { EntryRules, SafeHeader } from './rules.ts'

/** An entry that passed every rule. Its body is to be read to the end, or not touched at all. */
export type SafeEntry = SafeHeader & { body: AsyncIterable<Buffer> }

/** A spooled upload whose format is known. */
export type UploadSource = {
  path: string
  format: UploadFormat
  limits: ArchiveLimits
  /** Bytes of the upload itself. */
  uploadBytes: number
}

/**
 * The entries of an upload that may be used, each checked before it is handed out, and its archive checked on the
 * way: the first thing that is wrong ends the iteration with a `Problem`. Only the end of it says that the whole
 * archive is sound. Nothing is written anywhere; bodies that nobody reads are read, and so checked, here.
 */
export async function* safeEntries(source: UploadSource, rules: EntryRules): AsyncGenerator<SafeEntry> {
  for await (const { body, ...header } of rawEntries(source)) {
    const safe = rules.check(header)
    if (safe) yield { ...safe, body }
  }
}

function rawEntries({ path, format, limits }: UploadSource): AsyncIterable<RawEntry> {
  if (format.format === 'file') return singleFile(path, format.name)
  if (format.format === 'zip') return zipEntries(path, limits)
  return tarEntries(path, { gzip: format.format === 'tar.gz' })
}

async function* singleFile(path: string, name: string): AsyncGenerator<RawEntry> {
  const { size, mtimeMs } = await stat(path)
  const header = { name, type: 'file', mode: 0o644, mtime: mtimeMs / 1000, size, linkname: '' } as const
  yield { ...header, body: contents(path) }
}

async function* contents(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path)
}
