import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { LeftOut } from './pack-ignore.ts'

/** Something in a folder that is to be packed; `path` is relative to the folder, with `/`. */
export type Found = {
  path: string
  stats: Stats
  type: 'file' | 'directory' | 'symlink'
  /** A symbolic link's target, relative to the link; else ''. */
  linkname: string
}

/** Tells the user, in one line, of something that is not packed though no ignore file says so. */
export type Warn = (line: string) => void

/**
 * What is to be packed of a folder, parents first, in the order of the names' code units: the same on every
 * machine. Ignore files decide; sockets, devices, FIFOs and links out of the folder are skipped with a warning.
 */
export async function* walk(root: string, warn: Warn): AsyncGenerator<Found> {
  yield* walkFolder(root, '', { leftOut: await LeftOut.at(root), warn })
}

async function* walkFolder(
  root: string,
  folder: string,
  { leftOut, warn }: { leftOut: LeftOut; warn: Warn },
): AsyncGenerator<Found> {
  const names = await readdir(join(root, folder), { withFileTypes: true })
  for (const dirent of names.sort(byName)) {
    const path = folder === '' ? dirent.name : `${folder}/${dirent.name}`
    if (leftOut.has(path, { folder: dirent.isDirectory() })) continue
    const found = await look(root, path, warn)
    if (!found) continue
    yield found
    if (found.type === 'directory') yield* walkFolder(root, path, { leftOut: await leftOut.in(path), warn })
  }
}

async function look(root: string, path: string, warn: Warn): Promise<Found | undefined> {
  const stats = await lstat(join(root, path)).catch(error => {
    if (error.code !== 'ENOENT') throw error
    warn(`left out ${JSON.stringify(path)}: it is gone, or its name is not valid UTF-8`)
  })
  if (!stats) return undefined
  if (stats.isFile()) return { path, stats, type: 'file', linkname: '' }
  if (stats.isDirectory()) return { path, stats, type: 'directory', linkname: '' }
  if (!stats.isSymbolicLink()) {
    warn(`left out ${JSON.stringify(path)}: it is neither a file, a folder nor a link`)
    return undefined
  }
  const target = await readlink(join(root, path))
  const linkname = inside(root, path, target)
  if (linkname !== undefined) return { path, stats, type: 'symlink', linkname }
  warn(`left out ${JSON.stringify(path)}: it links to ${JSON.stringify(target)}, outside the folder`)
  return undefined
}

/** A link's target as the shortest way from the link, if it is inside the folder. */
function inside(root: string, path: string, target: string): string | undefined {
  const from = dirname(join(root, path))
  const to = resolve(from, target)
  if (to !== root && !to.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined
  return relative(from, to).split(sep).join('/') || '.'
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1
}
