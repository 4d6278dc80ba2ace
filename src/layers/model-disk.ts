import { partsOf } from './overlay.ts'
import type { Sample } from './sample-layers.ts'

/** What a name stands for; the same object for hard links. */
type Thing = { entry: Sample; children?: Map<string, Thing> }

const DEFAULTS = { mode: 0o755, uid: 0, gid: 0, mtime: 0, size: 0, linkname: '' } as const

function newFolder(entry?: Sample): Thing {
  return { entry: entry ?? { path: '', type: 'directory', ...DEFAULTS }, children: new Map() }
}

function copied({ entry, children }: Thing): Thing {
  const entries = [...(children ?? [])].map(([name, thing]): [string, Thing] => [
    name,
    thing.children ? copied(thing) : thing,
  ])
  return { entry, children: new Map(entries) }
}

/** For tests: the simplest thing that layers can be applied to, a tree of what is seen, with nothing hidden kept. */
export class ModelDisk {
  #root = newFolder()

  static of(layers: readonly (readonly Sample[])[]): ModelDisk {
    const disk = new ModelDisk()
    for (const layer of layers) disk.apply(layer)
    return disk
  }

  /** Another disk that changes on its own; their files are the same ones. */
  fork(): ModelDisk {
    const disk = new ModelDisk()
    disk.#root = copied(this.#root)
    return disk
  }

  apply(layer: readonly Sample[]): void {
    for (const { type, path } of layer) {
      const [folder, name] = this.#find(path)
      if (type === 'whiteout') folder?.children?.delete(name)
      if (type === 'opaque') (path ? folder?.children?.get(name) : this.#root)?.children?.clear()
    }
    const own = new Map<string, Thing>()
    for (const entry of layer) {
      if (entry.type === 'whiteout' || entry.type === 'opaque') continue
      const parts = partsOf(entry.path)
      const name = parts.pop() as string
      let { children } = this.#root
      for (const part of parts) {
        if (!children?.get(part)?.children) children?.set(part, newFolder())
        children = children?.get(part)?.children
      }
      const there = children?.get(name)
      if (entry.type === 'directory' && there?.children) there.entry = entry
      else if (entry.type === 'directory') children?.set(name, newFolder(entry))
      else children?.set(name, entry.type === 'link' ? (own.get(entry.linkname) as Thing) : { entry })
      own.set(entry.path, children?.get(name) as Thing)
    }
  }

  /** Makes a path be as it is on another disk, a folder without what is in it; what is in the way gives way. */
  show(path: string, other: ModelDisk): void {
    let [mine, theirs] = [this.#root, other.#root]
    for (const part of partsOf(path)) {
      const shown = theirs.children?.get(part)
      if (!shown) return
      const there = mine.children?.get(part)
      const isLast = shown === other.#thing(path)
      let next = there
      if (shown.children && !there?.children) next = newFolder(shown.entry)
      else if (!shown.children) next = shown
      else if (isLast && there) next = { ...there, entry: shown.entry }
      if (next) mine.children?.set(part, next)
      mine = next as Thing
      theirs = shown
    }
  }

  has(path: string): boolean {
    return this.#thing(path) !== undefined
  }

  /** Everything seen, as text by path; hard links name the first of their names. */
  dump(): Map<string, string> {
    const things = [...this.#walk(this.#root, '')].sort(([a], [b]) => (a < b ? -1 : 1))
    const first = new Map<Thing, string>()
    for (const [path, thing] of things) if (!first.has(thing)) first.set(thing, path)
    return new Map(
      things.map(([path, thing]) => {
        const { type, mode, uid, gid, mtime, linkname, sha256, xattrs, device } = thing.entry
        const target = type === 'symlink' ? linkname : ''
        const parts = [type, mode, uid, gid, mtime, target, sha256, xattrs, device, first.get(thing)]
        return [path, JSON.stringify(parts)]
      }),
    )
  }

  *#walk({ children }: Thing, path: string): Generator<[string, Thing]> {
    for (const [name, thing] of children ?? []) {
      const at = path ? `${path}/${name}` : name
      yield [at, thing]
      yield* this.#walk(thing, at)
    }
  }

  #thing(path: string): Thing | undefined {
    return partsOf(path).reduce<Thing | undefined>((thing, part) => thing?.children?.get(part), this.#root)
  }

  #find(path: string): [folder: Thing | undefined, name: string] {
    const parts = partsOf(path)
    const name = parts.pop() ?? ''
    return [this.#thing(parts.join('/')), name]
  }
}
