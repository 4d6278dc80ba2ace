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
