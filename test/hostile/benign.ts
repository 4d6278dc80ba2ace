import { gzipSync } from 'node:zlib'
import type { BenignUpload } from './corpus.ts'
import { END_OF_TAR, gnuLong, pax, tarEntry, tarOf } from './raw-tar.ts'
import { zipOf } from './raw-zip.ts'

const longName = `${'deep/'.repeat(30)}file.txt`
const longFolders = Array.from({ length: 30 }, (_, index) => `directory 755 app/${'deep/'.repeat(index + 1)}`)

/** Uploads as people's tools write them, and a few that only look hostile. */
export const BENIGN: readonly BenignUpload[] = [
  {
    name: 'a plain tar of a folder with ./',
    bytes: () =>
      tarOf(
        { name: './', flag: '5', mode: 0o700 },
        { name: './package.json', body: '{}' },
        { name: './src/', flag: '5', mode: 0o750 },
        { name: './src/main.js', body: 'export default 1', mode: 0o4755 },
      ),
    format: 'tar',
    repacked: [
      'directory 755 app/',
      'file 644 app/package.json',
      'directory 755 app/src/',
      'file 755 app/src/main.js',
    ],
  },
  {
    name: 'a root folder of its own is not left out with only one folder in it',
    bytes: () => tarOf({ name: './', flag: '5' }, { name: './public/index.html' }),
    format: 'tar',
    repacked: ['directory 755 app/', 'directory 755 app/public/', 'file 644 app/public/index.html'],
  },
  {
    name: 'GitHub: global pax header, one top-level folder',
    bytes: () =>
      gzipSync(
        tarOf(
          pax({ comment: '0123456789abcdef0123456789abcdef01234567' }, 'g'),
          { name: 'owner-repo-0123456/', flag: '5', mode: 0o775 },
          { name: 'owner-repo-0123456/main.py', mode: 0o664 },
          { name: 'owner-repo-0123456/l', flag: '2', linkname: 'main.py' },
        ),
      ),
    format: 'tar.gz',
    strip: 'owner-repo-0123456',
    repacked: ['directory 755 app/', 'file 664 app/main.py', 'symlink 777 app/l -> main.py'],
  },
  {
    name: 'npm pack: no folder entries at all',
    bytes: () => gzipSync(tarOf({ name: 'package/package.json' }, { name: 'package/lib/a/b.js' })),
    format: 'tar.gz',
    strip: 'package',
    repacked: [
      'directory 755 app/',
      'file 644 app/package.json',
      'directory 755 app/lib/',
      'directory 755 app/lib/a/',
      'file 644 app/lib/a/b.js',
    ],
  },
  {
    name: 'a single top-level file is no folder to leave out',
    bytes: () => tarOf({ name: 'main.js' }),
    format: 'tar',
    repacked: ['directory 755 app/', 'file 644 app/main.js'],
  },
  {
    name: 'two top-level folders stay',
    bytes: () => tarOf({ name: 'a/x' }, { name: 'b/x' }),
    format: 'tar',
    repacked: [
      'directory 755 app/',
      'directory 755 app/a/',
      'file 644 app/a/x',
      'directory 755 app/b/',
      'file 644 app/b/x',
    ],
  },
  {
    name: 'a tar of the seventh edition',
    bytes: () =>
      tarOf(
        { name: 'old/', flag: '\0', magic: 'v7' },
        { name: 'old/a', flag: '\0', magic: 'v7' },
        { name: 'b', magic: 'v7' },
      ),
    format: 'tar',
    repacked: ['directory 755 app/', 'directory 755 app/old/', 'file 644 app/old/a', 'file 644 app/b'],
  },
  {
    name: 'long names of pax, GNU and ustar, and names beyond ASCII',
    bytes: () =>
      tarOf(
        gnuLong(longName),
        { name: 'x', magic: 'gnu', body: 'gnu' },
        pax({ path: `${longName}2`, mtime: '1700000000.123456789', 'SCHILY.xattr.user.x': 'y' }),
        { name: 'x', body: 'pax' },
        { name: 'file.txt3', prefix: 'deep/'.repeat(30).slice(0, -1) },
        { name: 'grüße/日本.txt' },
      ),
    format: 'tar',
    repacked: [
      'directory 755 app/',
      ...longFolders,
      `file 644 app/${longName}`,
      `file 644 app/${longName}2`,
      `file 644 app/${longName}3`,
      'directory 755 app/grüße/',
      'file 644 app/grüße/日本.txt',
    ],
  },
  {
    name: 'links that stay inside',
    bytes: () =>
      tarOf(
        { name: 'bin/tool', mode: 0o755, body: 'x' },
        { name: 'node_modules/.bin/tool', flag: '2', linkname: '../../bin/tool' },
        { name: 'here', flag: '2', linkname: '.' },
        { name: 'dangling', flag: '2', linkname: 'not/there' },
        { name: 'a/detour', flag: '2', linkname: './b/../../bin//tool' },
        { name: 'same', flag: '1', linkname: './bin/tool', mode: 0o755 },
        { name: 'same-again', flag: '1', linkname: 'same', mode: 0o755 },
      ),
    format: 'tar',
    repacked: [
      'directory 755 app/',
      'directory 755 app/bin/',
      'file 755 app/bin/tool',
      'directory 755 app/node_modules/',
      'directory 755 app/node_modules/.bin/',
      'symlink 777 app/node_modules/.bin/tool -> ../../bin/tool',
      'symlink 777 app/here -> .',
      'symlink 777 app/dangling -> not/there',
      'directory 755 app/a/',
      'symlink 777 app/a/detour -> ../bin/tool',
      'link 755 app/same -> app/bin/tool',
      'link 755 app/same-again -> app/same',
    ],
  },
  {
    name: 'hard links in a top-level folder that is left out',
    bytes: () => tarOf({ name: 'myapp/a' }, { name: 'myapp/b', flag: '1', linkname: 'myapp/a' }),
    format: 'tar',
    strip: 'myapp',
    repacked: ['directory 755 app/', 'file 644 app/a', 'link 644 app/b -> app/a'],
  },
  {
    name: 'special mode bits are masked, unreadable files made readable',
    bytes: () =>
      tarOf(
        { name: 'suid', mode: 0o6755 },
        { name: 'none', mode: 0 },
        { name: 'd', flag: '5', mode: 0o1700 },
        { name: 'open', mode: 0o666 },
      ),
    format: 'tar',
    repacked: [
      'directory 755 app/',
      'file 755 app/suid',
      'file 600 app/none',
      'directory 755 app/d/',
      'file 666 app/open',
    ],
  },
  {
    name: 'folders named again, and after what is in them',
    bytes: () =>
      tarOf(
        { name: 'd/x' },
        { name: 'd', flag: '5', mode: 0o755 },
        { name: 'd/', flag: '5', mode: 0o755 },
        { name: 'y' },
      ),
    format: 'tar',
    repacked: [
      'directory 755 app/',
      'directory 755 app/d/',
      'file 644 app/d/x',
      'directory 755 app/d/',
      'file 644 app/y',
    ],
  },
  {
    name: "a Mac's metadata is left out",
    bytes: () =>
      zipOf([
        { name: 'site/', mode: 0o040755 },
        { name: 'site/index.html', data: '<h1>hi</h1>', method: 8 },
        { name: 'site/._index.html', data: 'metadata' },
        { name: '__MACOSX/', mode: 0o040755 },
        { name: '__MACOSX/site/._index.html', data: 'metadata' },
      ]),
    format: 'zip',
    strip: 'site',
    repacked: ['directory 755 app/', 'file 644 app/index.html'],
  },
  {
    name: 'tars appended to each other, and padded',
    bytes: () => Buffer.concat([tarOf({ name: 'a' }), tarOf({ name: 'b' }), Buffer.alloc(8192)]),
    format: 'tar',
    repacked: ['directory 755 app/', 'file 644 app/a', 'file 644 app/b'],
  },
  {
    name: 'a gzip of several members, padded with zeros',
    bytes: () =>
      Buffer.concat([
        gzipSync(tarEntry({ name: 'a' })),
        gzipSync(tarEntry({ name: 'b' })),
        gzipSync(END_OF_TAR),
        Buffer.alloc(512),
      ]),
    format: 'tar.gz',
    repacked: ['directory 755 app/', 'file 644 app/a', 'file 644 app/b'],
  },
  {
    name: 'a file that is itself an archive',
    bytes: () => tarOf({ name: 'inner.tar.gz', body: gzipSync(tarOf({ name: '../evil' })) }),
    format: 'tar',
    repacked: ['directory 755 app/', 'file 644 app/inner.tar.gz'],
  },
  {
    name: 'a small archive of many zeros',
    bytes: () => gzipSync(tarOf({ name: 'zeros', body: Buffer.alloc(8 << 20) })),
    format: 'tar.gz',
    repacked: ['directory 755 app/', 'file 644 app/zeros'],
  },
  {
    name: 'a zip with links, modes and a name in the code page of DOS',
    bytes: () =>
      zipOf([
        { name: 'run.sh', data: '#!/bin/sh', mode: 0o104755 },
        { name: 'l', data: 'run.sh', mode: 0o120777 },
        { name: Buffer.from([0x67, 0x72, 0x81, 0x6e]), flags: 0 },
        { name: 'd/', mode: 0o040700 },
      ]),
    format: 'zip',
    repacked: [
      'directory 755 app/',
      'file 755 app/run.sh',
      'symlink 777 app/l -> run.sh',
      'file 644 app/grün',
      'directory 755 app/d/',
    ],
  },
  {
    name: 'a zip with a comment and sizes after the contents',
    bytes: () =>
      zipOf(
        [
          {
            name: 'a',
            data: 'aaaa',
            method: 8,
            flags: 0x808,
            local: { crc: 0, compressedSize: 0, uncompressedSize: 0 },
          },
        ],
        {
          comment: 'made by hand',
        },
      ),
    format: 'zip',
    repacked: ['directory 755 app/', 'file 644 app/a'],
  },
  {
    name: 'a single file by its name',
    bytes: () => Buffer.from('export default { fetch: () => new Response("hi") }\n'),
    filename: '../tmp/my app.JS',
    contentType: 'application/octet-stream',
    format: 'file',
    repacked: ['directory 755 app/', 'file 644 app/my_app.js'],
  },
  {
    name: 'a single file by its type',
    bytes: () => Buffer.from('print("hi")\n'),
    contentType: 'text/x-python; charset=utf-8',
    format: 'file',
    repacked: ['directory 755 app/', 'file 644 app/main.py'],
  },
]
