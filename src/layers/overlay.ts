import { type Entry, type Listing, split } from './listing.ts'
import { sorted } from './portions.ts'

/** What names of the file system stand for: hard links share one. */
export type Inode = {
  /** Which layer it is from, and its place in that layer's listing. */
  layer: number
  index: number
  entry: Entry
}
export type Leaf = { kind: 'leaf'; inode: Inode }
export type Folder = {
  kind: 'folder'
  /** undefined: no layer says anything of the folder itself; it is as what lies below has it. */
  entry: Entry | undefined
  /** The layers have it, if only for what is in it; false: it is here for what is hidden in it. */
  exists: boolean
  /** What lies below has in this folder is hidden. */
  opaque: boolean
  children: Map<string, Node>
}
/** What lies below has at this path is hidden, and nothing is there. */
export type Whiteout = { kind: 'whiteout' }
export type Node = Leaf | Folder | Whiteout

/** A folder that a layer has things in and no layer describes. */
export function plainFolder(path: string): Entry {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0, linkname: '' }
}

export function newFolder(entry: Entry | undefined, opaque: boolean): Folder {
  return { kind: 'folder', entry, exists: entry !== undefined, opaque, children: new Map() }
}

/**
 * Layers as one tree, together with what they hide of whatever lies below them: the rules of overlayfs. Hard links
 * are not told from the name that a tar has first.
 */
export class Overlay {
  readonly root = newFolder(undefined, false)
  #layers = 0;

  /** Puts the next layer on top, by steps; see `portions.ts`. */
  *apply(listing: Listing): Generator<void, void> {
    // What a layer hides is only what is below it, never what it has itself: so all of that comes first.
    for (const entry of listing) {
      if (entry.type === 'whiteout' || entry.type === 'opaque') this.#hide(entry)
      yield
    }
    const layer = this.#layers++
    const inodes = new Map<string, Inode>()
    for (const [index, entry] of listing.entries()) {
      yield
      if (entry.type === 'whiteout' || entry.type === 'opaque') continue
      if (entry.type === 'directory') {
        this.#describe(entry)
        continue
      }
      // Without its target in the layer a link stands for itself; who needs its content has to refuse it.
      const target = entry.type === 'link' ? inodes.get(entry.linkname) : undefined
      const inode = target ?? { layer, index, entry }
      inodes.set(entry.path, inode)
      const [folder, name] = split(entry.path)
      this.#folder(folder).children.set(name, { kind: 'leaf', inode })
    }
  }

  #hide({ type, path }: Entry): void {
    const [folderPath, name] = split(path)
    const folder = this.#folderToHideIn(type === 'opaque' ? path : folderPath)
    if (!folder) return
    if (type === 'whiteout') {
      folder.children.set(name, { kind: 'whiteout' })
    } else {
      folder.opaque = true
      folder.children.clear()
    }
  }

  #describe(entry: Entry): void {
    const [folderPath, name] = split(entry.path)
    const { children } = this.#folder(folderPath)
    const there = children.get(name)
    if (there?.kind === 'folder') Object.assign(there, { entry, exists: true })
    else children.set(name, newFolder(entry, there !== undefined))
  }

  /** The folder, made if need be: what else is at its path, or above, gives way and goes on hiding what is below. */
  #folder(path: string): Folder {
    let folder = this.root
    let at = ''
    for (const part of partsOf(path)) {
      at = at ? `${at}/${part}` : part
      let child = folder.children.get(part)
      if (child?.kind !== 'folder') {
        child = child ? newFolder(plainFolder(at), true) : newFolder(undefined, false)
        folder.children.set(part, child)
      }
      child.exists = true
      folder = child
    }
    return folder
  }

  /** The folder to hide things in; undefined where there is nothing left to hide. */
  #folderToHideIn(path: string): Folder | undefined {
    let folder = this.root
    for (const part of partsOf(path)) {
      let child = folder.children.get(part)
      if (!child) {
        child = newFolder(undefined, false)
        folder.children.set(part, child)
      }
      if (child.kind !== 'folder') return undefined
      folder = child
    }
    return folder
  }
}

export function partsOf(path: string): string[] {
  return path ? path.split('/') : []
}

/** A folder's children by name, in an order that depends on nothing else; by steps. */
export function sortedChildren(folder: Folder): Generator<void, [string, Node][]> {
  return sorted([...folder.children], ([a], [b]) => a < b)
}
