import type { Change } from '../engine/engine.ts'
import { type BaseIndex, childIn } from './base-index.ts'
import { entryDifference } from './entry-difference.ts'
import type { Listing } from './listing.ts'
import { type Folder, type Leaf, Overlay, plainFolder } from './overlay.ts'
import { inPortions, sorted } from './portions.ts'

/**
 * What a layer changes of what lies below it, sorted by path. A folder counts as changed by its mode, owner or
 * extended attributes, or when only itself was touched; not for what is in it. What is in a removed folder is not
 * told one by one. Bytes of a path that are no UTF-8 show as U+FFFD.
 */
export function changesOf(layer: Listing, below: BaseIndex): Promise<Change[]> {
  return inPortions(sortedChanges(layer, below))
}

function* sortedChanges(layer: Listing, below: BaseIndex): Generator<void, Change[]> {
  const overlay = new Overlay()
  yield* overlay.apply(layer)
  const changes: Change[] = []
  yield* changesIn(changes, overlay.root, below.root, '', overlay.root.opaque)
  return yield* sorted(changes, (a, b) => a.path < b.path)
}

/** `isEmptied`: what was below in the folder is gone where the layer has nothing at its path. */
function* changesIn(
  changes: Change[],
  folder: Folder,
  below: Folder | undefined,
  path: string,
  isEmptied: boolean,
): Generator<void, void> {
  const add = (name: string, kind: Change['kind']) =>
    changes.push({ path: `${path}/${name}`.toWellFormed(), kind })
  if (isEmptied)
    for (const name of below?.children.keys() ?? []) {
      if (!folder.children.has(name)) add(name, 'deleted')
      yield
    }
  for (const [name, child] of folder.children) {
    yield
    const was = childIn(below, name)
    if (child.kind === 'whiteout' || (child.kind === 'folder' && !child.exists && isEmptied)) {
      if (was) add(name, 'deleted')
    } else if (child.kind === 'leaf') {
      if (!was) add(name, 'added')
      else if (was.kind === 'folder' || entryDifference(child.inode.entry, was.inode.entry))
        add(name, 'changed')
    } else {
      const emptied = isEmptied || child.opaque
      const before = changes.length
      yield* changesIn(changes, child, was?.kind === 'folder' ? was : undefined, `${path}/${name}`, emptied)
      const entry = child.entry ?? (isEmptied ? plainFolder('') : undefined)
      const kind = folderChange({ ...child, entry }, was, changes.length > before)
      if (kind) add(name, kind)
    }
  }
}

function folderChange(
  { entry, exists }: Folder,
  was: Leaf | Folder | undefined,
  hasInside: boolean,
): Change['kind'] | undefined {
  if (!exists) return undefined
  if (!was) return 'added'
  if (was.kind === 'leaf') return 'changed'
  if (!entry || !was.entry) return undefined
  const compared = hasInside ? { ...entry, mtime: was.entry.mtime } : entry
  return entryDifference(compared, was.entry) && 'changed'
}
