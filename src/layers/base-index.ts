import type { Entry, Listing } from './listing.ts'
import { type Folder, type Leaf, Overlay, partsOf, plainFolder, sortedChildren } from './overlay.ts'

/** What there is after some layers, all that the layers on top of them can see of it. */
export class BaseIndex {
  /** Has no whiteouts, and an entry for every folder but the root. */
  readonly root: Folder

  private constructor(root: Folder) {
    this.root = root
  }

  /** Of layers, bottom first. */
  static of(listings: readonly Listing[]): BaseIndex {
    const overlay = new Overlay()
    for (const listing of listings) overlay.apply(listing)
    settle(overlay.root, '')
    return new BaseIndex(overlay.root)
  }

  /** What is at a path; a hard link gives the entry of the name that its layer has first. */
  get(path: string): Entry | undefined {
    const node = this.node(path)
    return node?.kind === 'leaf' ? node.inode.entry : node?.entry
  }

  node(path: string): Leaf | Folder | undefined {
    let node: Leaf | Folder | undefined = this.root
    for (const part of partsOf(path)) node = childIn(node, part)
    return node
  }

  /** All there is, by path, parents first. */
  *entries(): Generator<[path: string, node: Leaf | Folder], void> {
    yield* entriesIn(this.root, '')
  }
}

/** What a base has in a folder under a name. */
export function childIn(node: Leaf | Folder | undefined, name: string): Leaf | Folder | undefined {
  if (node?.kind !== 'folder') return undefined
  const child = node.children.get(name)
  return child?.kind === 'whiteout' ? undefined : child
}

function* entriesIn(folder: Folder, path: string): Generator<[path: string, node: Leaf | Folder], void> {
  for (const [name, child] of sortedChildren(folder)) {
    if (child.kind === 'whiteout') continue
    const at = path ? `${path}/${name}` : name
    yield [at, child]
    if (child.kind === 'folder') yield* entriesIn(child, at)
  }
}

/** Removes what only hides: nothing lies below a base. */
function settle(folder: Folder, path: string): void {
  for (const [name, child] of folder.children) {
    const at = path ? `${path}/${name}` : name
    if (child.kind === 'folder') settle(child, at)
    const isGone = child.kind === 'whiteout' || (child.kind === 'folder' && !child.exists)
    if (isGone) folder.children.delete(name)
    else if (child.kind === 'folder') child.entry ??= plainFolder(at)
  }
}
