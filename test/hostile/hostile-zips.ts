import { gzipSync } from 'node:zlib'
import type { HostileUpload } from './corpus.ts'
import { type RawZipEnd, type RawZipEntry, zip64Sizes, zipOf } from './raw-zip.ts'

const hello: RawZipEntry = { name: 'hello.txt', data: 'hello' }

/** A zip that is wrong in one entry. */
function entry(name: string, code: HostileUpload['code'], ...entries: RawZipEntry[]): HostileUpload {
  return { name, code, status: 400, bytes: () => zipOf([hello, ...entries]) }
}

/** A zip that is wrong as a whole. */
function archive(name: string, code: HostileUpload['code'], bytes: () => Buffer): HostileUpload {
  return { name, code, status: 400, bytes, noEntry: true }
}

const withEnd = (end: RawZipEnd) => zipOf([hello, { name: 'b' }], end)

export const HOSTILE_ZIPS: readonly HostileUpload[] = [
  entry('zip: absolute path', 'path_absolute', { name: '/etc/passwd' }),
  entry('zip: ..', 'path_traversal', { name: '../../evil' }),
  entry('zip: backslash', 'path_backslash', { name: '..\\evil' }),
  entry('zip: drive letter', 'path_drive', { name: 'C:evil' }),
  entry('zip: NUL in a name', 'name_nul', { name: 'a\0.js' }),
  entry('zip: empty name', 'name_empty', { name: '' }),
  entry('zip: name marked as UTF-8 that is none', 'name_not_utf8', {
    name: Buffer.from([0x61, 0xff]),
    flags: 0x800,
  }),
  entry('zip: device', 'device_refused', { name: 'null', mode: 0o020666 }),
  entry('zip: FIFO', 'fifo_refused', { name: 'pipe', mode: 0o010644 }),
  entry('zip: socket', 'entry_type_refused', { name: 'socket', mode: 0o140644 }),
  entry('zip: folder with contents', 'entry_type_refused', { name: 'd/', data: 'x', mode: 0o040755 }),
  entry('zip: symbolic link named like a folder', 'entry_type_refused', {
    name: 'l/',
    data: 'x',
    mode: 0o120777,
  }),
  entry('zip: absolute symbolic link', 'symlink_outside', { name: 'l', data: '/etc', mode: 0o120777 }),
  entry('zip: symbolic link out of the folder', 'symlink_outside', {
    name: 'a/l',
    data: '../../x',
    method: 8,
    mode: 0o120777,
  }),
  entry('zip: symbolic link of 5000 bytes', 'name_too_long', {
    name: 'l',
    data: 'x'.repeat(5000),
    mode: 0o120777,
  }),
  entry(
    'zip: entry under a symbolic link',
    'entry_under_symlink',
    { name: 's', data: '.', mode: 0o120777 },
    { name: 's/x' },
  ),
  entry('zip: the same file twice', 'duplicate_entry', { name: './hello.txt' }),
  entry('zip: encrypted', 'zip_encrypted', {
    name: 'secret',
    data: 'x'.repeat(12),
    flags: 0x801,
    central: { uncompressedSize: 0 },
    local: { uncompressedSize: 0 },
  }),
  { ...entry('zip: strongly encrypted', 'zip_encrypted', { name: 'secret', flags: 0x841 }), noEntry: true },
  entry('zip: encrypted only in the local header', 'zip_mismatch', {
    name: 'secret',
    local: { flags: 0x801 },
  }),
  entry('zip: bzip2 method', 'zip_method', { name: 'b', method: 12 }),
  entry('zip: another name in the local header', 'zip_mismatch', { name: 'a.txt', local: { name: 'b.txt' } }),
  entry('zip: another method in the local header', 'zip_mismatch', {
    name: 'a.txt',
    data: 'x',
    local: { method: 8 },
  }),
  entry('zip: another size in the local header', 'zip_mismatch', {
    name: 'a.txt',
    data: 'x',
    method: 8,
    local: { uncompressedSize: 9 },
  }),
  entry('zip: contents larger than they say', 'zip_mismatch', lying('x'.repeat(100_000), 10)),
  entry('zip: contents smaller than they say', 'zip_mismatch', lying('x', 10)),
  entry('zip: large contents larger than they say', 'zip_mismatch', lying(Buffer.alloc(8 << 20), 100_000)),
  entry('zip: large contents smaller than they say', 'zip_mismatch', lying('x', 100_000)),
  entry('zip: entries that share their bytes', 'zip_overlap', {
    ...hello,
    name: 'again.txt',
    sameBytesAs: 0,
  }),
  entry('zip: contents that reach into the directory', 'zip_overlap', {
    name: 'x',
    central: { compressedSize: 60, uncompressedSize: 60 },
  }),
  entry('zip: zip64 size beyond the file', 'zip_overlap', {
    name: 'x',
    method: 8,
    data: 'x',
    central: { compressedSize: 0xffffffff, uncompressedSize: 0xffffffff },
    extra: zip64Sizes(1n, 1n << 50n),
  }),
  {
    ...entry('zip: zip64 contents of a terabyte', 'entry_too_large', {
      name: 'x',
      method: 8,
      data: 'x',
      central: { uncompressedSize: 0xffffffff, compressedSize: 0xffffffff },
      local: { uncompressedSize: 0xffffffff, compressedSize: 0xffffffff },
      extra: zip64Sizes(1n << 40n, 3n),
    }),
    status: 413,
  },
  archive('zip: stored entry of two sizes', 'zip_mismatch', () =>
    zipOf([{ ...hello, central: { uncompressedSize: 4 } }]),
  ),
  archive('zip: wrong checksum', 'archive_corrupt', () =>
    zipOf([{ ...hello, central: { crc: 1 }, local: { crc: 1 } }]),
  ),
  archive('zip: contents that do not inflate', 'archive_corrupt', () =>
    zipOf([{ name: 'x', data: 'garbage', central: { method: 8 }, local: { method: 8 } }]),
  ),
  archive('zip: fewer entries than it says', 'archive_corrupt', () => withEnd({ entries: 3 })),
  archive('zip: more entries than it says', 'zip_mismatch', () => withEnd({ entries: 1 })),
  {
    ...archive('zip: a million entries by zip64', 'too_many_entries', () =>
      withEnd({ zip64Entries: 1_000_000n }),
    ),
    status: 413,
  },
  archive('zip: no entries', 'empty_archive', () => zipOf([])),
  archive('zip: only folders', 'empty_archive', () => zipOf([{ name: 'd/', mode: 0o040755 }])),
  archive('zip: cut in the middle', 'archive_truncated', () => zipOf([hello]).subarray(0, 60)),
  archive('zip: cut within its end', 'archive_truncated', () => zipOf([hello]).subarray(0, -5)),
  archive('zip: cut within its comment', 'archive_truncated', () =>
    withEnd({ comment: 'short', commentLength: 500 }),
  ),
  archive('zip: garbage after the end', 'archive_corrupt', () =>
    Buffer.concat([zipOf([hello]), Buffer.from('garbage')]),
  ),
  archive('zip: without its beginning', 'archive_corrupt', () => {
    const whole = zipOf([
      { name: 'x', data: zipOf([hello]) },
      { name: 'y', data: 'z'.repeat(300) },
    ])
    return whole.subarray(31)
  }),
  archive('gzip of a zip', 'nested_archive', () => gzipSync(zipOf([hello]))),
]

/** Deflated contents with another size in both headers. */
function lying(data: string | Buffer, uncompressedSize: number): RawZipEntry {
  return { name: 'lies', data, method: 8, central: { uncompressedSize }, local: { uncompressedSize } }
}
