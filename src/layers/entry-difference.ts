import type { Entry } from './listing.ts'

/** How two things in a file system that have the same path differ. */
export type EntryDifference =
  | 'type'
  | 'mode'
  | 'owner'
  | 'mtime'
  | 'size'
  | 'contents'
  | 'link target'
  | 'device'
  | 'extended attributes'

/** The first difference; undefined when there is none. */
export function entryDifference(a: Entry, b: Entry): EntryDifference | undefined {
  if (a.type !== b.type) return 'type'
  if (a.mode !== b.mode) return 'mode'
  if (a.uid !== b.uid || a.gid !== b.gid) return 'owner'
  if (a.mtime !== b.mtime) return 'mtime'
  if (a.size !== b.size) return 'size'
  if (a.sha256 !== b.sha256) return 'contents'
  if (a.linkname !== b.linkname) return 'link target'
  if (a.device?.major !== b.device?.major || a.device?.minor !== b.device?.minor) return 'device'
  if (xattrsText(a) !== xattrsText(b)) return 'extended attributes'
  return undefined
}

function xattrsText({ xattrs = {} }: Entry): string {
  return JSON.stringify(Object.entries(xattrs).sort(([a], [b]) => (a < b ? -1 : 1)))
}
