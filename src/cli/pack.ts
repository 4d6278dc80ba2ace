import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { messageOf, Problem } from '../problem.ts'
import { DEFAULT_LIMITS } from '../releases/upload/limits.ts'
import { EntryRules } from '../releases/upload/rules.ts'
import { type TarEntry, tarStream } from '../releases/upload/tar-writer.ts'
import { type Found, type Warn, walk } from './pack-walk.ts'

export type PackOptions = {
  /** Called as files are read: how many were begun, and how many bytes of them were read. */
  progress?: (done: { files: number; bytes: number }) => void
  /** Called with a line about something that is left out and that no ignore file names. */
  warn?: Warn
}

/** How much there may be is for the host to say; what there may be is checked before anything is sent. */
const NO_LIMITS = {
  ...DEFAULT_LIMITS,
  maxEntries: Number.POSITIVE_INFINITY,
  maxEntryBytes: Number.POSITIVE_INFINITY,
  maxNamesBytes: Number.POSITIVE_INFINITY,
}

/**
 * A folder as a tar.gz that is packed while it is read, the same bytes for the same folder. Left out are `.git`,
 * `.dormice` and `node_modules` at the root, and what `.gitignore` and `.dormiceignore` say; see `LeftOut`.
 *
 * The stream fails with a `Problem`: `not_a_folder`, `empty_folder` (before any file), `file_unreadable`,
 * `file_changed`, and the refusals that the host would have for a name (`releases/upload/refusals.ts`).
 */
export function packFolder(folder: string, { progress, warn = () => {} }: PackOptions = {}): Readable {
  const root = resolve(folder)
  const done = { files: 0, bytes: 0 }
  const onBytes = (bytes: number) => {
    done.bytes += bytes
    progress?.({ ...done })
  }
  const onFile = () => {
    done.files++
    progress?.({ ...done })
  }
  const gzip = createGzip()
  pipeline(tarStream(fromFirstFile(root, entriesOf(root, { warn, onFile, onBytes }))), gzip, () => {})
  return gzip
}

/** Holds entries back until there is a file among them, so that a folder without one fails before it is sent. */
async function* fromFirstFile(root: string, entries: AsyncIterable<TarEntry>): AsyncGenerator<TarEntry> {
  let held: TarEntry[] | undefined = []
  for await (const entry of entries) {
    held?.push(entry)
    if (held && entry.type !== 'file') continue
    yield* held ?? [entry]
    held = undefined
  }
  if (held) {
    const detail = `There is nothing to deploy: "${root}" has no files, or ".gitignore" and ".dormiceignore" leave out all of them.`
    throw new Problem({ code: 'empty_folder', status: 400, detail })
  }
}

type Events = { warn: Warn; onFile: () => void; onBytes: (bytes: number) => void }

async function* entriesOf(root: string, events: Events): AsyncGenerator<TarEntry> {
  const rules = new EntryRules(NO_LIMITS, { uploadBytes: Number.POSITIVE_INFINITY })
  // With an entry for the root the host does not take a single subfolder for the app's folder.
  yield { ...header(await rootOf(root)), path: '.' }
  try {
    for await (const found of walk(root, events.warn)) {
      const entry = header(found)
      if (!rules.check({ ...entry, name: entry.path })) continue
      if (found.type !== 'file') yield entry
      else {
        events.onFile()
        yield { ...entry, body: contents(join(root, found.path), entry.size, events.onBytes) }
      }
    }
  } catch (error) {
    throw unreadable(error)
  }
}

async function rootOf(root: string): Promise<Found> {
  const stats = await stat(root).catch(() => undefined)
  if (stats?.isDirectory()) return { path: '.', stats, type: 'directory', linkname: '' }
  throw new Problem({ code: 'not_a_folder', status: 400, detail: `"${root}" is not a folder.` })
}

function header({ path, stats, type, linkname }: Found): TarEntry {
  const size = type === 'file' ? stats.size : 0
  const mtime = Math.max(0, Math.floor(stats.mtimeMs / 1000))
  return { path, type, mode: stats.mode & 0o777, uid: 0, gid: 0, mtime, size, linkname }
}

/** A file's first `size` bytes: what is appended meanwhile is for the next time, what is gone is an error. */
async function* contents(
  path: string,
  size: number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  if (size === 0) return
  let left = size
  try {
    for await (const chunk of createReadStream(path, { end: size - 1 })) {
      left -= chunk.length
      onBytes(chunk.length)
      yield chunk
    }
  } catch (error) {
    throw unreadable(error)
  }
  if (left > 0) {
    const detail = `"${path}" became shorter while it was read; deploy again when nothing writes to it.`
    throw new Problem({ code: 'file_changed', status: 409, detail })
  }
}

function unreadable(error: unknown): unknown {
  if (error instanceof Problem || !(error instanceof Error) || !('syscall' in error)) return error
  return new Problem({
    code: 'file_unreadable',
    status: 400,
    detail: `Cannot read a file: ${messageOf(error)}.`,
    cause: error,
  })
}
