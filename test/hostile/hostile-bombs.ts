import { gzipSync } from 'node:zlib'
import type { HostileUpload } from './corpus.ts'
import { END_OF_TAR, pax, tarEntry, tarOf } from './raw-tar.ts'
import { zipOf } from './raw-zip.ts'

const MiB = 1 << 20

/** A gzip of many members, each compressed once: gigabytes are made in milliseconds. */
function gzipOf(...parts: (Buffer | { repeat: Buffer; times: number })[]): Buffer {
  return Buffer.concat(
    parts.flatMap(part => {
      if (Buffer.isBuffer(part)) return [gzipSync(part)]
      return Array<Buffer>(part.times).fill(gzipSync(part.repeat, { level: 9 }))
    }),
  )
}

/** Folders below folders: 4000 bytes of name, 1990 folders of which the archive never speaks. */
function deepEntries(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([pax({ path: `${index}/${'d/'.repeat(1990)}f` }), tarEntry({ name: 'f' })]),
  )
}

/** Names that are long but share their folders. */
function longNames(count: number): Buffer[] {
  const folder = `${'n'.repeat(250)}/`.repeat(15)
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([pax({ path: `${folder}${index}` }), tarEntry({ name: 'f' })]),
  )
}

/** Uploads that would fill a disk, the memory or an hour. */
export const HOSTILE_BOMBS: readonly HostileUpload[] = [
  {
    name: 'bomb: a tar.gz of one file of a gibibyte of zeros',
    code: 'expands_too_much',
    status: 413,
    bytes: () =>
      gzipOf(
        tarEntry({ name: 'zeros', size: 1024 * MiB }),
        { repeat: Buffer.alloc(64 * MiB), times: 16 },
        END_OF_TAR,
      ),
  },
  {
    name: 'bomb: a tar.gz of many files of zeros',
    code: 'expands_too_much',
    status: 413,
    bytes: () =>
      gzipOf(
        ...Array.from({ length: 64 }, (_, index) => tarEntry({ name: `z${index}`, body: Buffer.alloc(MiB) })),
      ),
  },
  {
    name: 'bomb: gibibytes of zeros after the end of a tar.gz',
    code: 'expands_too_much',
    status: 413,
    noEntry: true,
    bytes: () => gzipOf(tarOf({ name: 'f', body: 'x' }), { repeat: Buffer.alloc(64 * MiB), times: 64 }),
  },
  {
    name: 'bomb: a flood of extended headers',
    code: 'expands_too_much',
    status: 413,
    noEntry: true,
    bytes: () => gzipOf({ repeat: pax({ comment: 'x'.repeat(2 * MiB) }), times: 400 }),
  },
  {
    name: 'bomb: 64 MiB of zeros in a zip',
    code: 'expands_too_much',
    status: 413,
    bytes: () => zipOf([{ name: 'z', method: 8, data: Buffer.alloc(64 * MiB) }]),
  },
  {
    name: 'bomb: 100,001 entries',
    code: 'too_many_entries',
    status: 413,
    noEntry: true,
    bytes: () => {
      const entries = Array.from({ length: 100_001 }, (_, index) => tarEntry({ name: `f${index}` }))
      return gzipSync(tarOf(...entries), { level: 1 })
    },
  },
  {
    name: 'bomb: few entries with 100,000 folders above them',
    code: 'too_many_entries',
    status: 413,
    noEntry: true,
    bytes: () => gzipSync(tarOf(...deepEntries(51))),
  },
  {
    name: 'bomb: 40 MB of names',
    code: 'names_too_large',
    status: 413,
    bytes: () => gzipSync(tarOf(...longNames(10_000)), { level: 1 }),
  },
]
