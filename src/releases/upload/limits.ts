const KiB = 1024
const MiB = 1024 * KiB

/** Bounds of what one upload may hold. The bounds of the upload itself are `receiveUpload`'s. */
export type ArchiveLimits = {
  /** Entries of the archive and the parent folders they imply, together. */
  maxEntries: number
  /** Contents may be this many times larger than the upload… */
  maxExpansion: number
  /** …and are always allowed up to this many bytes, so that a tiny archive of zeros is no offence. */
  minExpanded: number
  /** Bytes of one file. */
  maxEntryBytes: number
  /** UTF-8 bytes of one path or link target. */
  maxNameBytes: number
  /** UTF-8 bytes of one component of a path (NAME_MAX of Linux file systems). */
  maxComponentBytes: number
  /** UTF-8 bytes of all paths together: they are what a scan keeps in memory. */
  maxNamesBytes: number
  /** Bytes of a file that runtime detection reads. */
  maxTextBytes: number
}

/** What holds where the host's configuration says nothing else. */
export const DEFAULT_LIMITS: Readonly<ArchiveLimits> = Object.freeze({
  maxEntries: 100_000,
  maxExpansion: 50,
  minExpanded: 16 * MiB,
  maxEntryBytes: 4096 * MiB,
  maxNameBytes: 4096,
  maxComponentBytes: 255,
  maxNamesBytes: 32 * MiB,
  maxTextBytes: 256 * KiB,
})

/** Bytes that the contents of an upload of `uploadBytes` may have in all. */
export function expandedLimit(limits: ArchiveLimits, uploadBytes: number): number {
  return Math.max(limits.minExpanded, limits.maxExpansion * uploadBytes)
}
