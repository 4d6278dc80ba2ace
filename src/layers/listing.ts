import type { TarHeader } from './tar-reader.ts'

/** A layer's tar is damaged, or has what no layer may have; the message says what and where. */
export class LayerInvalid extends Error {
  override name = 'LayerInvalid'
}

/** What one entry of a layer's tar makes: something in the file system, or (the last two) what it hides below. */
export type EntryType =
  | 'file'
  | 'directory'
  | 'symlink'
  /** Another name for what `linkname` names in the same layer. */
  | 'link'
  | 'character'
  | 'block'
  | 'fifo'
  /** Lower layers' `path`, and all below it, is gone. */
  | 'whiteout'
  /** What lower layers have in the directory `path` is gone; the directory stays. `path` may be '', the root. */
  | 'opaque'

/** One entry of a layer. Texts of names are as `text.ts` makes them. */
export type Entry = {
  /** Parts joined by "/", with none at either end. */
  path: string
  type: EntryType
  /** Permissions with set-user-id, set-group-id and sticky bit. */
  mode: number
  uid: number
  gid: number
  /** Epoch seconds. */
  mtime: number
  /** Bytes of a file's content, else 0. */
  size: number
  /** A link's path (written like `path`), or what a symlink holds, else ''. */
  linkname: string
  /** Hex digits of a file's content's SHA-256. */
  sha256?: string
  /** Extended attributes by name; a value's characters are its bytes. */
  xattrs?: Readonly<Record<string, string>>
  /** Of a character or block device. */
  device?: { major: number; minor: number }
}

/** A layer's entries in the order of its tar, without contents. */
export type Listing = readonly Entry[]

/** Characters of a path, or of what a symlink holds: more than Linux takes in one call, so no engine made it. */
const MAX_PATH = 4096

/** Roughly the bytes of memory that a listing takes. */
export function weightOf(listing: Listing): number {
  return listing.reduce((sum, entry) => sum + entryWeight(entry), 320)
}

/** Roughly the bytes of memory that an entry takes. */
export function entryWeight({ path, linkname, xattrs }: Entry): number {
  let weight = 320 + path.length + linkname.length
  for (const key in xattrs) weight += 64 + key.length + (xattrs[key]?.length ?? 0)
  return weight
}

const WHITEOUT = '.wh.'
const AUFS = '.wh..wh.'
const OPAQUE = '.wh..wh..opq'

const TYPES: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

/**
 * What a tar's entry means in a layer; undefined for what has no meaning: the root's own entry (the engine keeps no
 * metadata of it) and the book-keeping of aufs.
 * @throws {LayerInvalid} for a path outside of the layer, or a kind of entry that is unknown
 */
export function entryOf(header: TarHeader): Entry | undefined {
  const path = normalise(header.name)
  // Only the oldest tars have no flag for folders.
  const type = header.flag === '\0' && header.name.endsWith('/') ? 'directory' : TYPES[header.flag]
  if (!type) throw new LayerInvalid(`The entry "${path}" is of the unknown kind "${header.flag}".`)
  if (!path) {
    if (type === 'directory') return undefined
    throw new LayerInvalid('An entry of the layer has an empty path.')
  }
  return marker(path) ?? live(path, type, header)
}

function live(path: string, type: EntryType, header: TarHeader): Entry | undefined {
  if (path.split('/').some(part => part.startsWith(AUFS))) return undefined
  const { mode, uid, gid, mtime, xattrs, device } = header
  const entry: Entry = { path, type, mode, uid, gid, mtime, size: 0, linkname: '' }
  if (type === 'file') entry.size = header.size
  if (type === 'symlink') {
    if (header.linkname.length > MAX_PATH) throw new LayerInvalid(`The symlink "${path}" is too long.`)
    entry.linkname = header.linkname
  }
  if (type === 'link') {
    entry.linkname = normalise(header.linkname)
    if (!entry.linkname) throw new LayerInvalid(`The hard link "${path}" names nothing.`)
  }
  // How overlayfs itself notes that something is gone, and so takes it.
  if (type === 'character' && device.major === 0 && device.minor === 0) return hiding('whiteout', path)
  if (type === 'character' || type === 'block') entry.device = device
  if (xattrs && type !== 'link') entry.xattrs = xattrs
  return entry
}

function marker(path: string): Entry | undefined {
  const [folder, name] = split(path)
  if (name === OPAQUE) return hiding('opaque', folder)
  if (!name.startsWith(WHITEOUT) || name.startsWith(AUFS)) return undefined
  const hidden = name.slice(WHITEOUT.length)
  if (hidden === '' || hidden === '.' || hidden === '..') {
    throw new LayerInvalid(`The whiteout "${path}" names no file.`)
  }
  return hiding('whiteout', folder ? `${folder}/${hidden}` : hidden)
}

/** The entry of a marker; markers have no metadata of their own. */
export function hiding(type: 'whiteout' | 'opaque', path: string): Entry {
  return { path, type, mode: 0o600, uid: 0, gid: 0, mtime: 0, size: 0, linkname: '' }
}

/** The name in a tar of what an entry says: the inverse of how {@link entryOf} reads paths. */
export function tarName({ type, path }: Pick<Entry, 'type' | 'path'>): string {
  if (type === 'directory') return `${path}/`
  if (type === 'opaque') return path ? `${path}/${OPAQUE}` : OPAQUE
  if (type !== 'whiteout') return path
  const [folder, name] = split(path)
  return folder ? `${folder}/${WHITEOUT}${name}` : `${WHITEOUT}${name}`
}

/** A path's folder ('' for the root) and its last part. */
export function split(path: string): [folder: string, name: string] {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)]
}

function normalise(name: string): string {
  if (name.length > MAX_PATH) throw new LayerInvalid(`A path in the layer has ${name.length} characters.`)
  if (name.includes('\0')) throw new LayerInvalid('A path in the layer has a zero byte.')
  const parts = name.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..')) throw new LayerInvalid(`The path "${name}" leads out of the layer.`)
  return parts.join('/')
}
