import { gzipSync } from 'node:zlib'
import type { HostileUpload } from './corpus.ts'
import { base256, gnuLong, pax, type RawTarEntry, tarEntry, tarOf } from './raw-tar.ts'

const hello: RawTarEntry = { name: 'hello.txt', body: 'hello' }
const long = (bytes: number) =>
  'a/'
    .repeat(bytes)
    .slice(0, bytes - 1)
    .concat('a')

/** A tar that is wrong in one entry. */
function entry(name: string, code: HostileUpload['code'], ...parts: (RawTarEntry | Buffer)[]): HostileUpload {
  return { name, code, status: 400, bytes: () => tarOf(hello, ...parts) }
}

/** An archive that is wrong as a whole. */
function archive(name: string, code: HostileUpload['code'], bytes: () => Buffer): HostileUpload {
  return { name, code, status: code === 'unknown_format' ? 415 : 400, bytes, noEntry: true }
}

const names: HostileUpload[] = [
  entry('tar: absolute path', 'path_absolute', { name: '/etc/passwd' }),
  entry('tar: absolute path after a pax header', 'path_absolute', pax({ path: '/etc/passwd' }), {
    name: 'ok',
  }),
  entry('tar: two slashes at the start', 'path_absolute', { name: '//etc/passwd' }),
  entry('tar: .. at the start', 'path_traversal', { name: '../evil' }),
  entry('tar: .. in the middle, harmless once resolved', 'path_traversal', { name: 'a/../b' }),
  entry('tar: .. at the end of a folder', 'path_traversal', { name: 'a/..', flag: '5' }),
  entry('tar: .. through the ustar prefix', 'path_traversal', { name: 'evil', prefix: 'a/../..' }),
  entry('tar: .. in a GNU long name', 'path_traversal', gnuLong('../../evil'), { name: 'ok' }),
  entry(
    'tar: .. in a global pax header',
    'path_traversal',
    pax({ path: '../evil' }, 'g'),
    pax({ comment: 'x' }),
    {
      name: 'ok',
    },
  ),
  entry('tar: NUL in a pax name', 'name_nul', pax({ path: 'a\0b' }), { name: 'ok' }),
  entry('tar: backslash', 'path_backslash', { name: '..\\evil' }),
  entry('tar: UNC path', 'path_backslash', { name: '\\\\host\\share' }),
  entry('tar: drive letter', 'path_drive', { name: 'C:/evil' }),
  entry('tar: drive letter and backslash', 'path_drive', { name: 'c:\\evil' }),
  entry('tar: empty name', 'name_empty', { name: '' }),
  entry('tar: the folder itself as a file', 'name_empty', { name: './', body: 'x', flag: '7' }),
  entry('tar: the folder itself as a symbolic link', 'name_empty', {
    name: '.',
    flag: '2',
    linkname: '/etc',
  }),
  entry('tar: newline in a name', 'name_control', { name: 'a\nb' }),
  entry('tar: escape sequence in a name', 'name_control', { name: 'a\x1b[2Jb' }),
  entry('tar: C1 control character in a name', 'name_control', { name: 'a\u009bb' }),
  entry('tar: name that is no UTF-8', 'name_not_utf8', { name: Buffer.from([0x61, 0xff, 0xfe]) }),
  entry('tar: overlong UTF-8 slash', 'name_not_utf8', { name: Buffer.from([0x2e, 0x2e, 0xc0, 0xaf, 0x61]) }),
  entry('tar: pax name that is no UTF-8', 'name_not_utf8', pax({ path: Buffer.from([0x61, 0xff]) }), {
    name: 'ok',
  }),
  entry('tar: name of 4097 bytes', 'name_too_long', pax({ path: long(4097) }), { name: 'ok' }),
  entry('tar: component of 256 bytes', 'name_too_long', gnuLong('b'.repeat(256)), { name: 'ok' }),
]

const types: HostileUpload[] = [
  entry('tar: character device', 'device_refused', { name: 'null', flag: '3' }),
  entry('tar: block device', 'device_refused', { name: 'sda', flag: '4' }),
  entry('tar: FIFO', 'fifo_refused', { name: 'pipe', flag: '6' }),
  entry('tar: unknown type', 'entry_type_refused', { name: 'socket', flag: 's' }),
  entry('tar: GNU multi-volume part', 'entry_type_refused', { name: 'rest', flag: 'M', magic: 'gnu' }),
  entry('tar: old GNU sparse file', 'entry_type_refused', { name: 'sparse', flag: 'S', magic: 'gnu' }),
  entry(
    'tar: pax sparse file',
    'entry_type_refused',
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '999999999999' }),
    { name: 'GNUSparseFile.1/sparse', body: '1\n0\n0\n' },
  ),
  entry('tar: file with contents named like a folder', 'entry_type_refused', { name: 'dir/', body: 'x' }),
]

const links: HostileUpload[] = [
  entry('tar: absolute symbolic link', 'symlink_outside', { name: 'l', flag: '2', linkname: '/etc' }),
  entry('tar: symbolic link to ..', 'symlink_outside', { name: 'l', flag: '2', linkname: '..' }),
  entry('tar: symbolic link out of a subfolder', 'symlink_outside', {
    name: 'a/l',
    flag: '2',
    linkname: '../../x',
  }),
  entry('tar: symbolic link out by a detour', 'symlink_outside', {
    name: 'l',
    flag: '2',
    linkname: 'a/b/../../../x',
  }),
  entry('tar: symbolic link out by a pax header', 'symlink_outside', pax({ linkpath: '/etc/shadow' }), {
    name: 'l',
    flag: '2',
    linkname: 'ok',
  }),
  entry('tar: symbolic link to nothing', 'name_empty', { name: 'l', flag: '2' }),
  entry('tar: symbolic link with a backslash', 'path_backslash', { name: 'l', flag: '2', linkname: '..\\x' }),
  entry('tar: symbolic link with contents', 'size_invalid', {
    name: 'l',
    flag: '2',
    linkname: 'hello.txt',
    body: 'x',
  }),
  {
    name: 'tar: symbolic link out of the top-level folder that is left out',
    code: 'symlink_outside',
    status: 400,
    bytes: () => tarOf({ name: 'myapp/main.js' }, { name: 'myapp/l', flag: '2', linkname: '../other' }),
  },
  entry('tar: hard link to an absolute path', 'hardlink_outside', {
    name: 'l',
    flag: '1',
    linkname: '/etc/passwd',
  }),
  entry('tar: hard link out of the folder', 'hardlink_outside', { name: 'l', flag: '1', linkname: '../x' }),
  entry('tar: hard link to nothing', 'hardlink_target', { name: 'l', flag: '1', linkname: 'missing' }),
  entry(
    'tar: hard link to a later file',
    'hardlink_target',
    { name: 'l', flag: '1', linkname: 'later' },
    { name: 'later' },
  ),
  entry(
    'tar: hard link to a folder',
    'hardlink_target',
    { name: 'd', flag: '5' },
    { name: 'l', flag: '1', linkname: 'd' },
  ),
  entry(
    'tar: hard link to a symbolic link',
    'hardlink_target',
    { name: 's', flag: '2', linkname: 'hello.txt' },
    { name: 'l', flag: '1', linkname: 's' },
  ),
  entry('tar: hard link to itself', 'hardlink_target', { name: 'l', flag: '1', linkname: 'l' }),
  entry('tar: hard link with contents', 'size_invalid', {
    name: 'l',
    flag: '1',
    linkname: 'hello.txt',
    body: 'x',
  }),
  entry('tar: hard link as a file that detection reads', 'link_unreadable', {
    name: 'package.json',
    flag: '1',
    linkname: 'hello.txt',
  }),
  entry('tar: symbolic link as a file that detection reads', 'link_unreadable', {
    name: 'dormice.json',
    flag: '2',
    linkname: 'hello.txt',
  }),
]

const collisions: HostileUpload[] = [
  entry(
    'tar: entry under a symbolic link',
    'entry_under_symlink',
    { name: 'd', flag: '5' },
    { name: 's', flag: '2', linkname: 'd' },
    { name: 's/x' },
  ),
  entry(
    'tar: entry under a symbolic link, written another way',
    'entry_under_symlink',
    { name: 's', flag: '2', linkname: '.' },
    { name: './s//./x' },
  ),
  entry(
    'tar: symbolic link replaced by a folder',
    'duplicate_entry',
    { name: 's', flag: '2', linkname: 'd' },
    { name: 's', flag: '5' },
  ),
  entry(
    'tar: folder replaced by a symbolic link',
    'duplicate_entry',
    { name: 'd/x' },
    { name: 'd', flag: '2', linkname: '.' },
  ),
  entry('tar: the same file twice', 'duplicate_entry', hello),
  entry('tar: the same file twice, written another way', 'duplicate_entry', { name: './/hello.txt' }),
  entry('tar: file and folder of one name', 'duplicate_entry', { name: 'hello.txt', flag: '5' }),
  entry('tar: file under a file', 'duplicate_entry', { name: 'hello.txt/x' }),
  entry(
    'tar: a folder again with another mode',
    'duplicate_entry',
    { name: 'd', flag: '5', mode: 0o755 },
    { name: 'd/', flag: '5', mode: 0o700 },
  ),
  entry('tar: names equal in NFC', 'duplicate_entry', { name: 'caf\u00e9' }, { name: 'cafe\u0301' }),
  entry('tar: folders equal in NFC', 'duplicate_entry', { name: 'caf\u00e9/a' }, { name: 'cafe\u0301/b' }),
]

const sizes: HostileUpload[] = [
  entry('tar: size of -1', 'size_invalid', { name: 'n', size: base256(-1n) }),
  { ...entry('tar: negative size', 'size_invalid', { name: 'n', size: base256(-512n) }), noEntry: true },
  {
    ...entry('tar: size that is no number', 'size_invalid', { name: 'n', size: Buffer.from('zzzzzzzzzzz ') }),
    noEntry: true,
  },
  {
    ...entry('tar: negative size in a pax header', 'size_invalid', pax({ size: '-512' }), { name: 'n' }),
    noEntry: true,
  },
  entry('tar: size beyond whole numbers', 'size_invalid', { name: 'n', size: base256(1n << 70n) }),
  { ...entry('tar: file of 5 GiB', 'entry_too_large', { name: 'n', size: 5 * 1024 ** 3 }), status: 413 },
  {
    ...entry('tar: file of 5 GiB by a pax header', 'entry_too_large', pax({ size: '5368709120' }), {
      name: 'n',
    }),
    status: 413,
  },
  {
    ...entry('tar: package.json of 1 MiB', 'entry_too_large', {
      name: 'package.json',
      body: Buffer.alloc(1 << 20),
    }),
    status: 413,
  },
]

const broken: HostileUpload[] = [
  archive('nothing at all', 'empty_upload', () => Buffer.alloc(0)),
  archive('tar: no entries', 'empty_archive', () => Buffer.alloc(10_240)),
  archive('tar: only folders', 'empty_archive', () => tarOf({ name: 'd', flag: '5' })),
  archive('tar.gz: no entries', 'empty_archive', () => gzipSync(Buffer.alloc(10_240))),
  archive('tar: bad checksum', 'archive_corrupt', () => tarOf(hello, { name: 'x', checksumError: 1 })),
  archive('tar: bad checksum in the first header', 'archive_corrupt', () =>
    tarOf({ name: 'x', checksumError: 1 }),
  ),
  archive('tar: garbage after the end', 'archive_corrupt', () =>
    Buffer.concat([tarOf(hello), Buffer.alloc(1024, 'garbage ')]),
  ),
  archive('tar: cut in the middle of a file', 'archive_truncated', () =>
    tarOf({ body: 'x'.repeat(5000) }).subarray(0, 3000),
  ),
  archive('tar: cut between two entries', 'archive_truncated', () => tarEntry(hello)),
  archive('tar: cut after a pax header', 'archive_truncated', () =>
    Buffer.concat([tarEntry(hello), pax({ path: 'x' })]),
  ),
  archive('tar: cut after a file of zeros', 'archive_truncated', () =>
    tarEntry({ body: Buffer.alloc(4096) }),
  ),
  archive('tar: cut within the first header', 'archive_truncated', () => tarOf(hello).subarray(0, 300)),
  archive('tar: one block of zeros at the end', 'archive_truncated', () =>
    Buffer.concat([tarEntry(hello), Buffer.alloc(512)]),
  ),
  archive('tar.gz: cut in the middle', 'archive_truncated', () => gzipSync(tarOf(hello)).subarray(0, -20)),
  archive('tar.gz: cut within its checksum', 'archive_truncated', () =>
    gzipSync(tarOf(hello)).subarray(0, -3),
  ),
  archive('tar.gz: only the magic', 'archive_truncated', () => Buffer.from([0x1f, 0x8b])),
  archive('tar.gz: whole gzip of half a tar', 'archive_truncated', () =>
    gzipSync(tarOf({ body: 'x'.repeat(5000) }).subarray(0, 3000)),
  ),
  archive('tar.gz: wrong checksum', 'archive_corrupt', () => {
    const bytes = gzipSync(tarOf(hello))
    bytes.writeUInt32LE((bytes.readUInt32LE(bytes.length - 8) ^ 1) >>> 0, bytes.length - 8)
    return bytes
  }),
  archive('tar.gz: garbage after the end', 'archive_corrupt', () =>
    Buffer.concat([gzipSync(tarOf(hello)), Buffer.from('garbage')]),
  ),
  archive('tar.gz: garbage after zeros after the end', 'archive_corrupt', () =>
    Buffer.concat([gzipSync(tarOf(hello)), Buffer.alloc(100), Buffer.from('garbage')]),
  ),
  archive('gzip of a tar.gz', 'nested_archive', () => gzipSync(gzipSync(tarOf(hello)))),
  archive('gzip of a text', 'unknown_format', () => gzipSync('console.log(1)\n'.repeat(100))),
  archive('bytes that are nothing', 'unknown_format', () => Buffer.from('just some text\n'.repeat(100))),
  archive('bzip2', 'unknown_format', () => Buffer.from('BZh91AY&SY...')),
  {
    ...archive('binary that is called a script', 'unknown_format', () => Buffer.from('\x7fELF\0\0\0')),
    filename: 'main.js',
  },
  {
    ...archive('too little of a tar to be one', 'archive_truncated', () => tarOf(hello).subarray(0, 100)),
    contentType: 'application/x-tar',
  },
  {
    name: 'tar: extended header of 5 MiB',
    code: 'header_too_large',
    status: 413,
    noEntry: true,
    bytes: () => tarOf(tarEntry({ name: 'pax', flag: 'x', body: Buffer.alloc(5 << 20, 'a') }), hello),
  },
  {
    name: 'tar: global extended header of 5000 records',
    code: 'header_too_large',
    status: 413,
    noEntry: true,
    bytes: () => {
      const records = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, '']))
      return tarOf(pax(records, 'g'), pax({ comment: 'x' }), hello)
    },
  },
]

export const HOSTILE_TARS: readonly HostileUpload[] = [
  ...names,
  ...types,
  ...links,
  ...collisions,
  ...sizes,
  ...broken,
]
