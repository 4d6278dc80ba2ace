import { type Entry, LayerInvalid, split } from './listing.ts'

/** How many symlinks a path may lead through, as on Linux. */
const MAX_HOPS = 40

/**
 * Where the engine puts what a layer's tar has "in" a symlink that the tar made before: it unpacks each layer into a
 * folder of its own, whose root it cannot leave. Symlinks of lower layers are not there then; a path through one of
 * those makes a folder that hides it.
 */
export class SymlinkedFolders {
  /** What they hold, by path. */
  readonly #symlinks = new Map<string, string>()

  /** The entry at the path where it really is. @throws {LayerInvalid} its symlinks lead nowhere */
  placed(entry: Entry): Entry {
    if (this.#symlinks.size > 0) {
      // What empties a folder is that folder itself.
      entry.path = entry.type === 'opaque' ? this.#follow(entry.path) : this.#inParent(entry.path)
      if (entry.type === 'link') entry.linkname = this.#inParent(entry.linkname)
    }
    if (entry.type === 'symlink') this.#symlinks.set(entry.path, entry.linkname)
    else if (entry.type !== 'opaque') this.#symlinks.delete(entry.path)
    return entry
  }

  #inParent(path: string): string {
    const [folder, name] = split(path)
    const real = this.#follow(folder)
    return real ? `${real}/${name}` : name
  }

  #follow(path: string): string {
    if (!this.#leadsThrough(path)) return path
    const ahead = path.split('/').reverse()
    const real: string[] = []
    for (let hops = 0; ahead.length > 0; ) {
      const part = ahead.pop()
      if (!part || part === '.') continue
      if (part === '..') {
        real.pop()
        continue
      }
      real.push(part)
      const to = this.#symlinks.get(real.join('/'))
      if (to === undefined) continue
      if (++hops > MAX_HOPS) throw new LayerInvalid(`The symlinks on the way to "${path}" lead nowhere.`)
      if (to.startsWith('/')) real.length = 0
      else real.pop()
      ahead.push(...to.split('/').reverse())
    }
    return real.join('/')
  }

  #leadsThrough(path: string): boolean {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      if (this.#symlinks.has(path.slice(0, slash))) return true
    }
    return this.#symlinks.has(path)
  }
}
