import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import * as tarStream from 'tar-stream'
import { Lister } from './contents.ts'
import { type Entry, LayerInvalid } from './listing.ts'
import {
  bytesIn,
  file,
  folder,
  link,
  opaque,
  type Sample,
  sample,
  symlink,
  tarOf,
  whiteout,
} from './sample-layers.ts'
import { TarReader } from './tar-reader.ts'
import { headerBytes } from './tar-writer.ts'
import { bytesOf, textOf } from './text.ts'

function listed(tar: Buffer, portion = tar.length): Entry[] {
  const lister = new Lister()
  for (let at = 0; at < tar.length; at += portion) lister.push(tar.subarray(at, at + portion))
  return lister.finish()
}

const entriesOf = (samples: readonly Sample[]) => samples.map(({ content: _, ...entry }) => entry)

const LATIN1 = textOf(Buffer.from('caf\xe9', 'latin1'))

const SAMPLES: Sample[] = [
  folder('a', { mode: 0o1777, mtime: 0 }),
  opaque('a'),
  whiteout('a/gone'),
  whiteout('gone'),
  opaque(''),
  file('a/empty', '', { mode: 0 }),
  file('a/text', 'x'.repeat(1300), { mode: 0o4755, uid: 3_000_000, gid: 70_000, mtime: -5 }),
  file(`long/${'n'.repeat(200)}/é☃`, 'body', { mtime: 9_000_000_000 }),
  file(LATIN1, 'no UTF-8', { xattrs: { 'security.capability': '\x01\0\0\x02\xff\n=\x80' } }),
  symlink('link', `/somewhere/${'else/'.repeat(30)}é`),
  link('hard', LATIN1),
  sample('character', 'dev/c', { device: { major: 1, minor: 3 } }),
  sample('block', 'dev/b', { device: { major: 259, minor: 70_000 } }),
  sample('fifo', 'pipe', { mode: 0o600 }),
]

test('a layer’s tar keeps every kind of entry with all that it has, whatever portions it comes in', () => {
  const tar = tarOf(SAMPLES)
  for (const portion of [tar.length, 511, 512, 513, 7])
    assert.deepEqual(listed(tar, portion), entriesOf(SAMPLES))
})

test('another implementation reads the tars as they were meant', async () => {
  const extract = tarStream.extract()
  extract.end(tarOf(SAMPLES.filter(({ path }) => path !== LATIN1 && path !== 'hard')))
  const found: unknown[] = []
  for await (const entry of extract) {
    const { name, type, mode, linkname } = entry.header
    found.push([name, type, mode, linkname, (await bytesIn(entry)).length])
  }
  assert.deepEqual(found, [
    ['a/', 'directory', 0o1777, null, 0],
    ['a/.wh..wh..opq', 'file', 0o600, null, 0],
    ['a/.wh.gone', 'file', 0o600, null, 0],
    ['.wh.gone', 'file', 0o600, null, 0],
    ['.wh..wh..opq', 'file', 0o600, null, 0],
    ['a/empty', 'file', 0, null, 0],
    ['a/text', 'file', 0o4755, null, 1300],
    [`long/${'n'.repeat(200)}/é☃`, 'file', 0o644, null, 4],
    ['link', 'symlink', 0o644, `/somewhere/${'else/'.repeat(30)}é`, 0],
    ['dev/c', 'character-device', 0o644, null, 0],
    ['dev/b', 'block-device', 0o644, null, 0],
    ['pipe', 'fifo', 0o600, null, 0],
  ])
})

for (const format of ['gnu', 'pax', 'ustar', 'v7']) {
  test(`tars of GNU tar in the ${format} format are read`, () => {
    const dir = mkdtempSync(join(tmpdir(), 'dormice-tar-'))
    try {
      const name = format === 'v7' || format === 'ustar' ? 'n'.repeat(90) : 'n'.repeat(180)
      writeFileSync(join(dir, name), 'content', { mode: 0o600 })
      execFileSync('ln', ['-s', 'target', join(dir, 'sym')])
      const tar = execFileSync('tar', ['-C', dir, `--format=${format}`, '--mtime=@1600000000', '-c', '.'])
      const found = listed(tar).map(({ path, type, mtime, size }) => [path, type, mtime, size])
      assert.deepEqual(found.sort(), [
        [name, 'file', 1_600_000_000, 7],
        ['sym', 'symlink', 1_600_000_000, 0],
      ])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
}

test('a name’s bytes survive as text, whatever they are, and no two names become one', () => {
  const bytes = fc.uint8Array({ maxLength: 12 }).map(array => Buffer.from(array))
  const accented = fc.string({ unit: 'grapheme' }).map(text => Buffer.from(text))
  fc.assert(
    fc.property(fc.array(fc.oneof(bytes, accented), { maxLength: 3 }), parts => {
      const name = Buffer.concat(parts.flatMap(part => [part, Buffer.from('/')]))
      assert.deepEqual(bytesOf(textOf(name)), name)
      assert.deepEqual(bytesOf(JSON.parse(JSON.stringify(textOf(name)))), name)
    }),
  )
})

test('a folder’s text is the start of the text of what is in it, also when that is no UTF-8', () => {
  const folderText = textOf(Buffer.from('é'))
  assert.ok(textOf(Buffer.concat([Buffer.from('é/'), Buffer.from([0xff])])).startsWith(`${folderText}/`))
})

test('paths are normalised, and the root’s own entry and the book-keeping of aufs left out', () => {
  const named = ['./', './a/', '/b', 'c//d/./e', '.wh..wh.plnk/', '.wh..wh.plnk/12.34', '.wh..wh.aufs']
  const tar = tarOf(
    named.map(path => sample(path.endsWith('/') ? 'directory' : 'file', path.replace(/\/$/, ''))),
  )
  assert.deepEqual(
    listed(tar).map(({ path, type }) => [path, type]),
    [
      ['a', 'directory'],
      ['b', 'file'],
      ['c/d/e', 'file'],
    ],
  )
})

for (const path of ['../a', 'a/../b', 'a/..', '', '.', 'a/.wh...', '.wh..', '.wh.', 'a/\0b']) {
  test(`a file at ${JSON.stringify(path)} is refused`, () => {
    assert.throws(() => listed(tarOf([file(path)])), LayerInvalid)
  })
}

test('a hard link to outside of the layer is refused', () => {
  assert.throws(() => listed(tarOf([link('a', '../../etc/shadow')])), LayerInvalid)
})

test('a damaged or cut-off tar is refused, wherever the cut is', () => {
  const tar = tarOf(SAMPLES)
  for (let end = 0; end < tar.length - 1024; end += 256)
    assert.throws(() => listed(tar.subarray(0, end)), LayerInvalid)
  const damaged = Buffer.from(tar)
  damaged[1] = 0x7e
  assert.throws(() => listed(damaged), LayerInvalid)
  assert.throws(() => listed(Buffer.from('x'.repeat(2048))), LayerInvalid)
})

/** A header as anyone could write it, with its checksum; `at` puts bytes at offsets. */
function rawHeader(name: string, flag: string, at: Record<number, string | Buffer> = {}): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0, 'latin1')
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write('00000000000\0', 124)
  header.write('00000000000\0', 136)
  header.write(flag, 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  for (const [offset, bytes] of Object.entries(at))
    Buffer.from(bytes as string, 'latin1').copy(header, Number(offset))
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
const octal = (value: number) => `${value.toString(8).padStart(11, '0')}\0`
const END = Buffer.alloc(1024)
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])

/** An extended header. */
function pax(records: Record<string, string>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`
    let length = rest.length
    while (length !== rest.length + `${length}`.length) length = rest.length + `${length}`.length
    return `${length}${rest}`
  })
  const body = Buffer.from(lines.join(''), 'latin1')
  return Buffer.concat([rawHeader('pax', 'x', { 124: octal(body.length) }), padded(body)])
}
const small = (size: number) => ({ 124: octal(size) })

test('a path or a symlink longer than the system takes is refused, whatever its header is', () => {
  const long = `${'n/'.repeat(2048)}n`
  assert.throws(() => listed(Buffer.concat([pax({ path: long }), rawHeader('f', '0'), END])), LayerInvalid)
  assert.throws(
    () => listed(Buffer.concat([pax({ linkpath: long }), rawHeader('f', '2'), END])),
    LayerInvalid,
  )
  assert.throws(
    () => listed(Buffer.concat([pax({ linkpath: long }), rawHeader('f', '1'), END])),
    LayerInvalid,
  )
  const name = padded(Buffer.from(long))
  assert.throws(
    () => listed(Buffer.concat([rawHeader('L', 'L', small(long.length)), name, rawHeader('f', '0'), END])),
    LayerInvalid,
  )
})

test('a layer whose listing would fill the memory is refused while it comes', () => {
  const lister = new Lister()
  const portion = Buffer.concat([pax({ 'SCHILY.xattr.user.x': 'x'.repeat(900_000) }), rawHeader('f', '0')])
  assert.throws(() => {
    for (let n = 0; n < 1000; n++) lister.push(portion)
  }, /too many entries: \d{3} take too much memory/)
})

test('an empty value in an extended header leaves what the header says', () => {
  const [entry] = listed(Buffer.concat([pax({ path: '', linkpath: '', uid: '' }), rawHeader('f', '0'), END]))
  assert.deepEqual([entry?.path, entry?.uid], ['f', 0])
})

for (const [key, value] of [
  ['size', '0x10'],
  ['size', '1e3'],
  ['size', ' 5'],
  ['size', '-1'],
  ['size', '99999999999999999999'],
  ['uid', '1.5'],
  ['gid', 'Infinity'],
  ['mtime', 'now'],
] as const) {
  test(`an extended header whose ${key} is "${value}" is refused`, () => {
    assert.throws(
      () => listed(Buffer.concat([pax({ [key]: value }), rawHeader('f', '0'), END])),
      LayerInvalid,
    )
  })
}

test('numbers of a header that are no octal digits are refused', () => {
  for (const size of ['00000000008\0', '0000000 001\0', 'xxxxxxxxxxxx', '-0000000001\0']) {
    assert.throws(() => listed(Buffer.concat([rawHeader('f', '0', { 124: size }), END])), LayerInvalid)
  }
})

test('numbers of a header are read with whatever fills them up', () => {
  for (const size of ['3', '          3\0', '3          \0', '\0\0\0\0\0\0\0\0\0\x003\0', '000000000003']) {
    const at = { 124: size.padEnd(12, '\0') }
    const [entry] = listed(Buffer.concat([rawHeader('f', '0', at), padded(Buffer.from('abc')), END]))
    assert.equal(entry?.size, 3, JSON.stringify(size))
  }
})

test('great and negative numbers in base 256 are read', () => {
  const mtime = (first: number, last: number) =>
    Buffer.from([first, ...Array(10).fill(first === 0x80 ? 0 : 0xff), last])
  const times = [mtime(0x80, 7), mtime(0xff, 0xfe)].map(
    bytes => listed(Buffer.concat([rawHeader('f', '0', { 136: bytes }), END]))[0]?.mtime,
  )
  assert.deepEqual(times, [7, -2])
  const eight = Buffer.alloc(12)
  eight[0] = 0x80
  eight.writeBigUInt64BE(8n * 1024n ** 3n + 5n, 4)
  const lister = new Lister()
  lister.push(rawHeader('f', '0', { 124: eight }))
  assert.throws(() => lister.finish(), /cut off in "f"/)
})

test('a size of 8 GiB and more is written and read', () => {
  const size = 9 * 1024 ** 3 + 1
  const [event] = [...new TarReader().push(headerBytes({ ...file('huge'), size }))]
  assert.equal(event?.kind === 'entry' && event.header.size, size)
})

test('only the oldest kind of header says with a slash that it is a folder', () => {
  const tar = Buffer.concat([
    rawHeader('old/', '\0'),
    rawHeader('file/', '0', small(3)),
    padded(Buffer.from('abc')),
    END,
  ])
  assert.deepEqual(
    listed(tar).map(({ path, type, size }) => [path, type, size]),
    [
      ['old', 'directory', 0],
      ['file', 'file', 3],
    ],
  )
})

test('a character device 0:0 hides what is below, as it does on the engine', () => {
  const [entry] = listed(Buffer.concat([rawHeader('a/gone', '3'), END]))
  assert.deepEqual([entry?.type, entry?.path], ['whiteout', 'a/gone'])
})

test('what a layer has “in” a symlink of its own is where the symlink leads, never outside', () => {
  const layer = [
    folder('usr'),
    folder('usr/lib'),
    symlink('lib', 'usr/lib'),
    symlink('up', '../../../usr'),
    symlink('abs', '/usr/lib'),
    symlink('usr/here', 'lib'),
    file('lib/one'),
    file('up/two'),
    file('abs/three'),
    file('usr/here/four'),
    link('up/five', 'lib/one'),
    whiteout('abs/gone'),
    opaque('lib'),
    folder('lib'),
    file('lib/real'),
  ]
  assert.deepEqual(
    listed(tarOf(layer))
      .slice(6)
      .map(({ type, path, linkname }) => [type, path, linkname].filter(Boolean).join(' ')),
    [
      'file usr/lib/one',
      'file usr/two',
      'file usr/lib/three',
      'file usr/lib/four',
      'link usr/five usr/lib/one',
      'whiteout usr/lib/gone',
      'opaque usr/lib',
      'directory lib',
      'file lib/real',
    ],
  )
})

test('a symlink that leads to itself is refused where something is in it', () => {
  assert.throws(() => listed(tarOf([symlink('a', 'b'), symlink('b', 'a'), file('a/x')])), LayerInvalid)
})
