import { type BaseIndex, childIn } from './base-index.ts'
import { type Entry, hiding, LayerInvalid } from './listing.ts'
import { type Folder, type Inode, type Overlay, plainFolder, sortedChildren } from './overlay.ts'

/** What one layer must have to make of a base what an overlay on that base is. */
export type Difference = {
  /** Folders, parents first, each followed by its opaque marker if it has one. */
  folders: Entry[]
  whiteouts: Entry[]
  /** Everything else, with all the names that it has. */
  names: Map<Inode, [first: string, ...others: string[]]>
}

/**
 * By steps; see `portions.ts`.
 *
 * @throws {LayerInvalid} a hard link's target is not in its layer: its content is not known
 */
export function* differenceOf(overlay: Overlay, base: BaseIndex): Generator<void, Difference> {
  const difference: Difference = { folders: [], whiteouts: [], names: new Map() }
  if (overlay.root.opaque && base.root.children.size > 0) difference.folders.push(hiding('opaque', ''))
  yield* addChildren(difference, overlay.root, '', overlay.root.opaque ? undefined : base.root)
  return difference
}

/** `below`: the base's folder that shows through. Says whether there was anything to add. */
function* addChildren(
  difference: Difference,
  folder: Folder,
  path: string,
  below: Folder | undefined,
): Generator<void, boolean> {
  let added = false
  for (const [name, child] of yield* sortedChildren(folder)) {
    yield
    const at = path ? `${path}/${name}` : name
    const hidden = childIn(below, name)
    if (child.kind === 'folder') {
      const shown = hidden?.kind === 'folder' ? hidden : undefined
      added = (yield* addFolder(difference, child, at, shown)) || added
    } else if (child.kind === 'leaf') {
      addName(difference, child.inode, at)
      added = true
    } else if (hidden) {
      difference.whiteouts.push(hiding('whiteout', at))
      added = true
    }
  }
  return added
}

function* addFolder(
  difference: Difference,
  folder: Folder,
  path: string,
  below: Folder | undefined,
): Generator<void, boolean> {
  const { folders } = difference
  const hides = folder.opaque && below !== undefined
  folders.push({ ...(folder.entry ?? below?.entry ?? plainFolder(path)), path })
  if (hides) folders.push(hiding('opaque', path))
  const hasMore = yield* addChildren(difference, folder, path, folder.opaque ? undefined : below)
  const isNeeded = folder.entry !== undefined || hides || hasMore || (folder.exists && !below)
  // Then nothing came after it.
  if (!isNeeded) folders.pop()
  return isNeeded
}

function addName({ names }: Difference, inode: Inode, path: string): void {
  if (inode.entry.type === 'link') {
    throw new LayerInvalid(
      `The hard link "${inode.entry.path}" names "${inode.entry.linkname}", which its layer does not have before it.`,
    )
  }
  const known = names.get(inode)
  if (known) known.push(path)
  else names.set(inode, [path])
}
