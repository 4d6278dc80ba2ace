import { createReadStream, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'

/** One entry of a build context. `name` is relative to the context's root; `mode` is its permission bits. */
export type ContextEntry =
  | { name: string; mode: number; text: string | Buffer }
  | { name: string; mode: number; size: number; open: () => Readable }
  | { name: string; linkTo: string }

/**
 * Streams entries as a plain tar, one at a time, owned by root. What the entries' source throws ends the tar with
 * that error, so that the engine never sees a short context as a whole one.
 */
export function contextTar(entries: Iterable<ContextEntry> | AsyncIterable<ContextEntry>): Readable {
  const tar = pack()
  const write = async () => {
    for await (const entry of entries) {
      if ('linkTo' in entry) tar.entry({ name: entry.name, type: 'symlink', linkname: entry.linkTo })
      else if ('text' in entry) tar.entry({ name: entry.name, mode: entry.mode }, entry.text)
      else await pipeline(entry.open(), tar.entry({ name: entry.name, mode: entry.mode, size: entry.size }))
    }
    tar.finalize()
  }
  write().catch(error => tar.destroy(error))
  return Readable.from(tar, { objectMode: false })
}

/** A file of this machine as an entry. */
export function fileEntry(name: string, path: string, mode: number): ContextEntry {
  return { name, mode, size: lstatSync(path).size, open: () => createReadStream(path) }
}

/** A folder of this machine as entries under `name`; `keep` says which paths (relative, `/`-separated) go in. */
export function* folderEntries(
  name: string,
  folder: string,
  keep: (path: string) => boolean = () => true,
): Generator<ContextEntry> {
  for (const path of filesOf(folder)) {
    if (!keep(path)) continue
    const full = join(folder, path)
    const mode = lstatSync(full).mode & 0o111 ? 0o755 : 0o644
    yield { name: `${name}${path}`, mode, text: readFileSync(full) }
  }
}

/** Every regular file under a folder, relative, `/`-separated, sorted. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}
