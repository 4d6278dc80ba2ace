import type { BaseIndex } from './base-index.ts'
import { type EntryDifference, entryDifference } from './entry-difference.ts'
import { type Entry, LayerInvalid, type Listing } from './listing.ts'
import { plainFolder } from './overlay.ts'
import { inPortions } from './portions.ts'

/** How a path differs in a union from what it has to be. */
export type UnionDifference = 'missing' | 'extra' | 'hard links' | EntryDifference

/** Two unions of layers are not the same. */
export class UnionDiffers extends Error {
  override name = 'UnionDiffers'
  /** The first path that differs, without a leading slash. */
  readonly path: string
  readonly difference: UnionDifference

  constructor(path: string, difference: UnionDifference) {
    super(`"/${path}" differs: ${difference}`)
    this.path = path
    this.difference = difference
  }
}

/** What is seen at a path. */
type Seen = {
  entry: Entry
  /** The same object for all hard links to one file, and for a file of the base in every union on it. */
  file: object
}
type Union = Map<string, Seen>

/**
 * Throws unless the layers `after` show on the base what the layers `before` show on it. With winners, what has to be
 * seen is what {@link carry} promises instead. It is written apart from `merge.ts` on purpose: it applies layers to
 * a flat list of all paths, so that a mistake there is no mistake here.
 * @throws {UnionDiffers} naming the first path that differs
 * @throws {LayerInvalid} a hard link names nothing
 */
export async function checkUnion(
  base: BaseIndex,
  before: readonly Listing[],
  after: readonly Listing[],
  winners: ReadonlySet<string> = new Set(),
): Promise<void> {
  await inPortions(check(base, before, after, winners))
}

function* check(
  base: BaseIndex,
  before: readonly Listing[],
  after: readonly Listing[],
  winners: ReadonlySet<string>,
): Generator<void, void> {
  const below = yield* unionOf(base)
  const wanted = yield* copied(below)
  for (const listing of before) yield* apply(wanted, listing)
  if (winners.size > 0) yield* showWinners(wanted, below, winners)
  const found = yield* copied(below)
  for (const listing of after) yield* apply(found, listing)
  yield* compare(wanted, found)
}

function* copied(union: Union): Generator<void, Union> {
  const copy: Union = new Map()
  for (const [path, seen] of union) {
    copy.set(path, seen)
    yield
  }
  return copy
}

function* unionOf(base: BaseIndex): Generator<void, Union> {
  const union: Union = new Map()
  for (const [path, node] of base.entries()) {
    yield
    if (node.kind === 'leaf') union.set(path, { entry: node.inode.entry, file: node.inode })
    else union.set(path, { entry: node.entry ?? plainFolder(path), file: node })
  }
  return union
}

function* apply(union: Union, listing: Listing): Generator<void, void> {
  yield* hide(union, listing)
  const own = new Map<string, Seen>()
  for (const entry of listing) {
    yield
    if (entry.type === 'whiteout' || entry.type === 'opaque') continue
    for (const folder of foldersAbove(entry.path)) {
      if (union.get(folder)?.entry.type === 'directory') continue
      union.set(folder, { entry: plainFolder(folder), file: {} })
    }
    const seen = entry.type === 'link' ? own.get(entry.linkname) : { entry, file: {} }
    if (!seen) throw new LayerInvalid(`The hard link "${entry.path}" names nothing in its layer.`)
    own.set(entry.path, seen)
    union.set(entry.path, seen)
  }
}

/** Takes away what the layer hides: by whiteouts and markers, or by having something else than a folder. */
function* hide(union: Union, listing: Listing): Generator<void, void> {
  const gone = new Set<string>()
  const emptied = new Set<string>()
  for (const { type, path } of listing) {
    yield
    if (type === 'whiteout') gone.add(path)
    else if (type !== 'directory') emptied.add(path)
  }
  if (gone.size === 0 && emptied.size === 0) return
  // By folder: most paths share theirs with others.
  const inside = new Map([['', emptied.has('')]])
  const hidesInside = (folder: string): boolean => {
    let hides = inside.get(folder)
    if (hides === undefined) {
      hides = gone.has(folder) || emptied.has(folder) || hidesInside(folderOf(folder))
      inside.set(folder, hides)
    }
    return hides
  }
  for (const path of union.keys()) {
    yield
    if (gone.has(path) || hidesInside(folderOf(path))) union.delete(path)
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function* showWinners(union: Union, below: Union, winners: ReadonlySet<string>): Generator<void, void> {
  const emptied = new Set<string>()
  for (const winner of winners) {
    yield
    const seen = below.get(winner)
    if (!seen) continue
    if (seen.entry.type !== 'directory') emptied.add(winner)
    for (const folder of foldersAbove(winner)) {
      const shown = below.get(folder)
      if (shown && union.get(folder)?.entry.type !== 'directory') union.set(folder, shown)
    }
    union.set(winner, seen)
  }
  for (const path of union.keys()) {
    yield
    if (foldersAbove(path).some(folder => emptied.has(folder))) union.delete(path)
  }
}

/** `a/b/c` → `a`, `a/b`. */
function foldersAbove(path: string): string[] {
  const folders: string[] = []
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    folders.push(path.slice(0, slash))
  }
  return folders
}

function* compare(wanted: Union, found: Union): Generator<void, void> {
  const firstOfWanted = new Map<object, string>()
  const firstOfFound = new Map<object, string>()
  let differs: UnionDiffers | undefined
  const differ = (path: string, difference: UnionDifference) => {
    if (!differs || path < differs.path) differs = new UnionDiffers(path, difference)
  }
  for (const [path, want] of wanted) {
    yield
    const have = found.get(path)
    if (!have) {
      differ(path, 'missing')
      continue
    }
    const difference = want.file === have.file ? undefined : entryDifference(want.entry, have.entry)
    if (difference) differ(path, difference)
    // The same in both for all paths only if the same paths are linked.
    else if (firstName(firstOfWanted, want, path) !== firstName(firstOfFound, have, path))
      differ(path, 'hard links')
  }
  for (const path of found.keys()) {
    yield
    if (!wanted.has(path)) differ(path, 'extra')
  }
  if (differs) throw differs
}

/** The name that a file was met by first. */
function firstName(names: Map<object, string>, { file }: Seen, path: string): string {
  const known = names.get(file)
  if (known !== undefined) return known
  names.set(file, path)
  return path
}
