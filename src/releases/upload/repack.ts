import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { Problem } from '../../problem.ts'
import { type SafeEntry, safeEntries } from './entries.ts'
import { EntryRules } from './rules.ts'
import type { UploadScan } from './scan.ts'
import { type TarEntry, tarStream } from './tar-writer.ts'

/** Where an upload is to be unpacked, and whose it is. */
export type RepackOptions = {
  /** Folder that everything is put under, e.g. `app/`; '' for none. It gets an entry of its own. */
  prefix: string
  uid: number
  gid: number
  /** Gets the SHA-256, hex, of each file, and the target of each link, by path in the upload as it is passed on. */
  hashes?: Map<string, string>
}

/**
 * An upload as a plain tar, each entry written anew: under `prefix`, owned by `uid`:`gid`, its mode without setuid,
 * setgid and sticky bits, its time kept, and nothing else of what the archive said. Folders that the archive only
 * implied get entries too. Every rule of the scan is checked again on the way; an error destroys the stream.
 */
export function repackUpload(path: string, scan: UploadScan, options: RepackOptions): Readable {
  return tarStream(repacked(path, scan, options))
}

async function* repacked(
  path: string,
  { source, strip, entries, bytes }: UploadScan,
  { prefix, uid, gid, hashes }: RepackOptions,
): AsyncGenerator<TarEntry> {
  const folder = prefix.replace(/\/+$/, '')
  const under = folder === '' ? '' : `${folder}/`
  const owner = { uid, gid }
  const rules = new EntryRules(source.limits, { uploadBytes: source.uploadBytes, strip })
  if (folder !== '') yield directory(folder, 0, owner)
  for await (const entry of safeEntries({ ...source, path }, rules)) {
    for (const parent of missingFolders(entry)) yield directory(under + parent, entry.mtime, owner)
    yield written(hashes ? hashed(entry, hashes) : entry, under, owner)
  }
  const again = rules.finish()
  if (again.entries !== entries || again.bytes !== bytes) {
    throw new Problem({
      code: 'upload_changed',
      status: 500,
      detail: 'The upload changed on the disk while it was read; deploy it again.',
    })
  }
}

/** The folders above an entry that it needs and nothing before it made, outermost first. */
function* missingFolders({ path, missing }: Pick<SafeEntry, 'path' | 'missing'>): Generator<string> {
  const above = path.split('/').slice(0, -1)
  for (let depth = above.length - missing + 1; depth <= above.length; depth++) {
    yield above.slice(0, depth).join('/')
  }
}

function hashed(entry: SafeEntry, hashes: Map<string, string>): SafeEntry {
  if (entry.type === 'directory') return entry
  if (entry.type !== 'file') {
    hashes.set(entry.path, `${entry.type} ${entry.linkname}`)
    return entry
  }
  return { ...entry, body: tap(entry.body) }

  async function* tap(body: AsyncIterable<Buffer>) {
    const hash = createHash('sha256')
    for await (const chunk of body) {
      hash.update(chunk)
      yield chunk
    }
    hashes.set(entry.path, hash.digest('hex'))
  }
}

type Owner = { uid: number; gid: number }

function directory(path: string, mtime: number, owner: Owner): TarEntry {
  return { path, type: 'directory', mode: 0o755, mtime, size: 0, linkname: '', ...owner }
}

function written({ missing: _, ...entry }: SafeEntry, under: string, owner: Owner): TarEntry {
  return {
    ...entry,
    ...owner,
    path: under + entry.path,
    mode: writtenMode(entry),
    // A hard link's target is a path in the archive, a symbolic link's is relative to the link.
    linkname: entry.type === 'link' ? under + entry.linkname : entry.linkname,
  }
}

function writtenMode({ type, mode }: Pick<SafeEntry, 'type' | 'mode'>): number {
  if (type === 'symlink') return 0o777
  return (mode & 0o777) | (type === 'directory' ? 0o755 : 0o600)
}
