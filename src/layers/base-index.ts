import { type Entry, type Listing, weightOf } from './listing.ts'
import { type Folder, type Leaf, Overlay, partsOf, plainFolder } from './overlay.ts'
import { inPortions } from './portions.ts'

/** What there is after some layers, all that the layers on top of them can see of it. */
export class BaseIndex {
  /** Has no whiteouts, and an entry for every folder but the root. */
  readonly root: Folder
  /** Roughly the bytes of memory that it takes. */
  readonly weight: number

  private constructor(root: Folder, weight: number) {
    this.root = root
    this.weight = weight
  }

  /** Of layers, bottom first. */
  static of(listings: readonly Listing[]): Promise<BaseIndex> {
    return inPortions(BaseIndex.#of(listings))
  }

  static *#of(listings: readonly Listing[]): Generator<void, BaseIndex> {
    const overlay = new Overlay()
    for (const listing of listings) yield* overlay.apply(listing)
    yield* settle(overlay.root, '')
    const weight = listings.reduce((sum, listing) => sum + weightOf(listing), 0)
    return new BaseIndex(overlay.root, weight)
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

  /** All there is, parents first. */
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
  for (const [name, child] of folder.children) {
    if (child.kind === 'whiteout') continue
    const at = path ? `${path}/${name}` : name
    yield [at, child]
    if (child.kind === 'folder') yield* entriesIn(child, at)
  }
}

/** Removes what only hides: nothing lies below a base. */
function* settle(folder: Folder, path: string): Generator<void, void> {
  for (const [name, child] of folder.children) {
    yield
    const at = path ? `${path}/${name}` : name
    if (child.kind === 'folder') yield* settle(child, at)
    const isGone = child.kind === 'whiteout' || (child.kind === 'folder' && !child.exists)
    if (isGone) folder.children.delete(name)
    else if (child.kind === 'folder') child.entry ??= plainFolder(at)
  }
}
