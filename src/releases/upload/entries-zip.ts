import type yauzl from 'yauzl'
import type { RawEntry } from './entries-tar.ts'
import type { ArchiveLimits } from './limits.ts'
import { decodeName } from './names.ts'
import { refusal } from './refusals.ts'
import type { EntryHeader, EntryType } from './rules.ts'
import { zipBody } from './zip-body.ts'
import { checkZipLayout } from './zip-layout.ts'
import { type OpenZip, openZip, zipName } from './zip-open.ts'
import { zipProblem } from './zip-problem.ts'

const DEFLATE = 8
const FLAG_ENCRYPTED = 0x2041
const FLAG_SIZES_FOLLOW = 0x8
const UNKNOWN_32 = 0xffffffff
/** Hosts in "version made by" whose external attributes hold a Unix mode: Unix and macOS. */
const UNIX_HOSTS = new Set([3, 19])

/** By the type bits of a Unix mode; none are a file's too. A Map: Biome rewrites octal object keys wrongly. */
const TYPES: ReadonlyMap<number, EntryType> = new Map([
  [0, 'file'],
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o020000, 'device'],
  [0o060000, 'device'],
  [0o010000, 'fifo'],
])

/**
 * The entries of a zip file, in the order of its central directory. Before the first one the layout is checked as a
 * whole (see `zip-layout.ts`); each entry's local header has to agree with the central one, and its contents with
 * their size and CRC.
 * @throws {Problem} `archive_*`, `zip_*`, `too_many_entries`, `name_*`
 */
export async function* zipEntries(path: string, limits: ArchiveLimits): AsyncGenerator<RawEntry> {
  try {
    await checkZipLayout(path, limits)
    const open = await openZip(path)
    try {
      for await (const entry of open.zip.eachEntry()) {
        const name = zipName(entry)
        refuseUnreadable(entry, name)
        const dataStart = await checkLocalHeader(open, entry, name)
        const header = entryHeader(entry, name)
        const body = zipBody(open, entry, { name, dataStart })
        if (header.type === 'symlink') yield { ...(await symlink(header, body, limits)), body: none() }
        else yield { ...header, body }
        for await (const _ of body) {
          // What nobody reads is checked all the same.
        }
      }
    } finally {
      open.zip.close()
    }
  } catch (error) {
    throw zipProblem(error)
  }
}

function refuseUnreadable(entry: yauzl.Entry, name: string): void {
  if (entry.generalPurposeBitFlag & FLAG_ENCRYPTED) throw refusal('zip_encrypted', { entry: name })
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== DEFLATE) {
    throw refusal('zip_method', { entry: name, more: `This is method ${entry.compressionMethod}.` })
  }
}

/** Returns the offset of the entry's contents. */
async function checkLocalHeader({ zip }: OpenZip, entry: yauzl.Entry, name: string): Promise<number> {
  const local = await zip.readLocalFileHeaderPromise(entry)
  const flags = entry.generalPurposeBitFlag ^ local.generalPurposeBitFlag
  const sizesFollow = (local.generalPurposeBitFlag & FLAG_SIZES_FOLLOW) !== 0
  const differs =
    !local.fileName.equals(entry.fileNameRaw) ||
    local.compressionMethod !== entry.compressionMethod ||
    (flags & FLAG_ENCRYPTED) !== 0 ||
    (!sizesFollow &&
      (local.crc32 !== entry.crc32 ||
        sizeDiffers(local.compressedSize, entry.compressedSize) ||
        sizeDiffers(local.uncompressedSize, entry.uncompressedSize)))
  if (differs) throw refusal('zip_mismatch', { entry: name })
  return local.fileDataStart
}

function sizeDiffers(local: number, central: number): boolean {
  return local !== UNKNOWN_32 && local !== central
}

function entryHeader(entry: yauzl.Entry, name: string): EntryHeader {
  const unix = UNIX_HOSTS.has(entry.versionMadeBy >>> 8) ? entry.externalFileAttributes >>> 16 : 0
  const slash = name.endsWith('/')
  const kind = TYPES.get(unix & 0o170000) ?? 'other'
  const type = slash && kind === 'file' ? 'directory' : kind
  // A folder with contents is none, and neither is a link or device that is named like one.
  const odd = (slash && type !== 'directory') || (type === 'directory' && entry.uncompressedSize > 0)
  return {
    name,
    type: odd ? 'other' : type,
    mode: unix & 0o777 || (type === 'directory' ? 0o755 : 0o644),
    mtime: entry.getLastModDate({ timezone: 'UTC' }).getTime() / 1000,
    size: entry.uncompressedSize,
    linkname: '',
  }
}

/** A zip keeps a symbolic link's target as its contents. */
async function symlink(
  header: EntryHeader,
  body: AsyncIterable<Buffer>,
  limits: ArchiveLimits,
): Promise<EntryHeader> {
  if (header.size > limits.maxNameBytes) throw refusal('name_too_long', { entry: header.name })
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return { ...header, size: 0, linkname: decodeName(Buffer.concat(chunks)) }
}

async function* none(): AsyncGenerator<Buffer> {}
