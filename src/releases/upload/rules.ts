import { Problem } from '../../problem.ts'
import { type ArchiveLimits, expandedLimit } from './limits.ts'
import { linkTarget, pathComponents } from './names.ts'
import { refusal } from './refusals.ts'

/** What an archive says an entry is; `other` is whatever has no business in an upload. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'link' | 'device' | 'fifo' | 'other'

/** One entry as the archive has it, nothing checked. */
export type EntryHeader = {
  name: string
  type: EntryType
  /** Permission bits; others are ignored. */
  mode: number
  /** Seconds since 1970. */
  mtime: number
  /** Bytes of the body. */
  size: number
  /** Target of a link, else ''. */
  linkname: string
}

/** One entry that may be used. Paths are relative to the app's folder, never empty, without `.` and `..`. */
export type SafeHeader = {
  path: string
  type: 'file' | 'directory' | 'symlink' | 'link'
  /** At most 0o777. */
  mode: number
  /** Whole seconds since 1970, never negative. */
  mtime: number
  size: number
  /** A symbolic link's target, or the path of the file that a hard link is another name of; else ''. */
  linkname: string
  /** How many of the folders above it, counted from the innermost, no entry before this one made. */
  missing: number
}

/** What the rules know when every entry was seen. */
export type Summary = {
  /** Entries, and the parent folders they imply. */
  entries: number
  /** Bytes of all files. */
  bytes: number
  /** The one top-level folder that everything lies in and that is left out of the paths, if there is one. */
  strip: string | undefined
}

type Place = {
  name: string
  kind: 'file' | 'directory' | 'symlink' | 'ignored'
  /** Mode of the folder's own entry; undefined while only entries below it were seen. */
  mode?: number
  /** A {@link SafeHeader} was made for it, as `path` or in `missing`. */
  made: boolean
  children?: Map<string, Place>
}

/**
 * The rules for the entries of one archive, checked one by one in the order of the archive. Pure: it reads no
 * bodies. What it keeps is one tree of the names, bounded by `maxEntries` and `maxNamesBytes`.
 */
export class EntryRules {
  readonly #limits: ArchiveLimits
  readonly #maxExpanded: number
  readonly #strip: string | undefined
  readonly #root: Place = { name: '', kind: 'directory', made: true, children: new Map() }
  #entries = 0
  #bytes = 0
  #nameBytes = 0
  #files = 0
  /** The only top-level folder so far; null as soon as there cannot be one. */
  #top: string | undefined | null
  /** First symbolic link that goes up beyond its top-level folder, even if down into it again. */
  #crossing: string | undefined

  /** @param strip top-level folder to leave out, as an earlier pass over the same archive found it */
  constructor(
    limits: ArchiveLimits,
    { uploadBytes, strip }: { uploadBytes: number; strip?: string | undefined },
  ) {
    this.#limits = limits
    this.#maxExpanded = expandedLimit(limits, uploadBytes)
    this.#strip = strip
  }

  /**
   * Checks the next entry.
   * @returns undefined for an entry that is in order but not to be used: the folder itself, a folder named again,
   *   a Mac's metadata
   * @throws {Problem} see `refusals.ts`
   */
  check(header: EntryHeader): SafeHeader | undefined {
    const { name } = header
    this.#countNode()
    this.#nameBytes += Buffer.byteLength(name)
    if (this.#nameBytes > this.#limits.maxNamesBytes) throw refusal('names_too_large', { entry: name })
    const components = pathComponents(name, this.#limits)
    const type = acceptedType(header)
    this.#countBytes(header, type)
    if (components.length === 0) {
      if (type !== 'directory') throw refusal('name_empty', { entry: name })
      // An archive with an entry for its root says where the root is.
      this.#top = null
      return undefined
    }
    const ignored = isMacMetadata(components, type)
    if (!ignored) this.#noteTop(components, type)
    const linkname = this.#checkLink(header, type, components)
    const kind = placeKind(type, ignored)
    const { place, parents } = this.#place(name, components, kind)
    if (type === 'directory' && !this.#firstTime(place, header)) return undefined
    if (ignored) return undefined
    if (kind === 'file') this.#files++
    return this.#safe(header, { type, components, linkname, parents, place })
  }

  /**
   * What the whole archive amounts to.
   * @throws {Problem} `empty_archive`, and `symlink_outside` for a link out of a top-level folder that is left out
   */
  finish(): Summary {
    if (this.#files === 0) throw refusal('empty_archive')
    const strip = this.#strip ?? this.#top ?? undefined
    if (strip !== undefined && this.#crossing !== undefined) {
      throw refusal('symlink_outside', { entry: this.#crossing })
    }
    return { entries: this.#entries, bytes: this.#bytes, strip }
  }

  #countNode(): void {
    if (++this.#entries > this.#limits.maxEntries) {
      throw refusal('too_many_entries', {
        more: `Accepted are ${this.#limits.maxEntries}, folders included.`,
      })
    }
  }

  #countBytes({ name, size }: EntryHeader, type: SafeHeader['type']): void {
    // The size of a folder means nothing in a tar, and no body follows it.
    if (type === 'directory') return
    // tar-stream reads a -1 in base 256 as -0.
    const negative = size < 0 || Object.is(size, -0)
    if (negative || !Number.isSafeInteger(size)) throw refusal('size_invalid', { entry: name })
    if (type !== 'file') {
      if (size > 0) throw refusal('size_invalid', { entry: name })
      return
    }
    const { maxEntryBytes } = this.#limits
    if (size > maxEntryBytes) {
      throw refusal('entry_too_large', { entry: name, more: `Accepted are ${maxEntryBytes} bytes a file.` })
    }
    this.#bytes += size
    if (this.#bytes > this.#maxExpanded) {
      throw refusal('expands_too_much', { entry: name, more: `Accepted are ${this.#maxExpanded} bytes.` })
    }
  }

  #noteTop(components: readonly string[], type: SafeHeader['type']): void {
    const [top] = components
    const inFolder = components.length > 1 || type === 'directory'
    if (this.#top === undefined && inFolder) this.#top = top
    else if (this.#top !== top || !inFolder) this.#top = null
  }

  /** The target to use, relative to the app's folder for a hard link; '' for what is no link. */
  #checkLink(
    { name, linkname }: EntryHeader,
    type: SafeHeader['type'],
    components: readonly string[],
  ): string {
    if (type === 'symlink') return this.#checkSymlink(name, linkname, components)
    if (type !== 'link') return ''
    const target = hardLinkComponents(linkname, name, this.#limits)
    if (this.#find(target)?.kind !== 'file') {
      throw refusal('hardlink_target', { entry: name })
    }
    return this.#inFolder(target)
  }

  #checkSymlink(name: string, linkname: string, components: readonly string[]): string {
    const target = linkTarget(linkname, name, this.#limits)
    const depth = components.length - 1
    if (!target || target.up > depth - (this.#strip === undefined ? 0 : 1)) {
      throw refusal('symlink_outside', { entry: name })
    }
    if (target.up === depth) this.#crossing ??= name
    return [...Array<string>(target.up).fill('..'), ...target.down].join('/') || '.'
  }

  #find(components: readonly string[]): Place | undefined {
    let place: Place | undefined = this.#root
    for (const part of components) {
      place = place?.children?.get(key(part))
      if (place?.name !== part) return undefined
    }
    return place
  }

  /** Puts an entry into the tree; returns the places of the folders above it, without the root. */
  #place(
    name: string,
    components: readonly string[],
    kind: Place['kind'],
  ): { place: Place; parents: Place[] } {
    const parents: Place[] = []
    let place = this.#root
    for (const [index, part] of components.entries()) {
      const last = index === components.length - 1
      place.children ??= new Map()
      let next = place.children.get(key(part))
      if (!next) {
        if (!last) this.#countNode()
        next = { name: part, kind: last ? kind : 'directory', made: false }
        place.children.set(key(part), next)
      } else if (!last && next.kind === 'symlink') {
        throw refusal('entry_under_symlink', { entry: name })
      } else if (next.name !== part || next.kind !== 'directory' || (last && kind !== 'directory')) {
        throw refusal('duplicate_entry', { entry: name })
      }
      if (!last) parents.push(next)
      place = next
    }
    return { place, parents }
  }

  /** Whether a folder's entry is its first one; the same folder again is harmless, a changed one is not. */
  #firstTime(place: Place, { name, mode }: EntryHeader): boolean {
    const permissions = mode & 0o777
    if (place.mode === undefined) {
      place.mode = permissions
      return true
    }
    if (place.mode !== permissions) throw refusal('duplicate_entry', { entry: name })
    return false
  }

  #safe(
    { mode, mtime, size }: EntryHeader,
    parts: {
      type: SafeHeader['type']
      components: string[]
      linkname: string
      parents: Place[]
      place: Place
    },
  ): SafeHeader | undefined {
    const path = this.#inFolder(parts.components)
    let missing = 0
    for (const parent of parts.parents) {
      if (parent.made) continue
      parent.made = true
      missing++
    }
    parts.place.made = true
    if (path === '') return undefined
    return {
      path,
      type: parts.type,
      mode: mode & 0o777,
      mtime: Number.isFinite(mtime) ? Math.max(0, Math.floor(mtime)) : 0,
      size: parts.type === 'file' ? size : 0,
      linkname: parts.linkname,
      // The folder that is left out is nobody's to make.
      missing: Math.min(missing, parts.components.length - (this.#strip === undefined ? 1 : 2)),
    }
  }

  #inFolder(components: readonly string[]): string {
    if (this.#strip === undefined) return components.join('/')
    if (components[0] !== this.#strip) throw new Error('the archive changed between two passes over it')
    return components.slice(1).join('/')
  }
}

function acceptedType({ name, type }: EntryHeader): SafeHeader['type'] {
  if (type === 'device') throw refusal('device_refused', { entry: name })
  if (type === 'fifo') throw refusal('fifo_refused', { entry: name })
  if (type === 'other') throw refusal('entry_type_refused', { entry: name })
  return type
}

function hardLinkComponents(linkname: string, entry: string, limits: ArchiveLimits): string[] {
  try {
    return pathComponents(linkname, limits)
  } catch (cause) {
    const outside = cause instanceof Problem && cause.code.startsWith('path_')
    throw refusal(outside ? 'hardlink_outside' : 'hardlink_target', { entry, cause })
  }
}

function placeKind(type: SafeHeader['type'], ignored: boolean): Place['kind'] {
  if (type === 'directory') return 'directory'
  if (ignored) return 'ignored'
  return type === 'link' ? 'file' : type
}

/** Files that a Mac's archiver adds beside the real ones: `__MACOSX/…`, and `._name` with the metadata of `name`. */
function isMacMetadata(components: readonly string[], type: SafeHeader['type']): boolean {
  if (components[0] === '__MACOSX') return true
  return type === 'file' && (components.at(-1)?.startsWith('._') ?? false)
}

/** Names that look the same are the same: on some file systems they are, and to every reader. */
function key(component: string): string {
  return component.normalize('NFC')
}
