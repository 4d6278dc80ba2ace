import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, test } from 'node:test'
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { LayerStore } from './layer-store.ts'
import { LayerInvalid } from './listing.ts'
import { bytesIn, file, folder, layerOfTar, type Sample, tarOf } from './sample-layers.ts'

let dir: string
let store: LayerStore
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'dormice-layers-')), 'layers')
  store = new LayerStore(dir)
})
afterEach(() => rmSync(join(dir, '..'), { recursive: true }))

const SAMPLES: Sample[] = [folder('data'), file('data/a', 'x'.repeat(200_000)), file('data/b', 'b')]
const TAR = tarOf(SAMPLES)
const idOf = (tar: Buffer) => `sha256:${createHash('sha256').update(tar).digest('hex')}`
const ID = idOf(TAR)
const HEX = ID.slice('sha256:'.length)

/** A stream of the bytes in portions; fails at its end if asked to. */
function streamOf(bytes: Buffer, { portion = 999, failing = false } = {}): Readable {
  function* portions() {
    for (let at = 0; at < bytes.length; at += portion) yield bytes.subarray(at, at + portion)
    if (failing) throw new Error('the engine hung up')
  }
  return Readable.from(portions(), { objectMode: false })
}

for (const [kind, bytes] of Object.entries({
  plain: TAR,
  gzip: gzipSync(TAR),
  zstd: zstdCompressSync(TAR),
})) {
  for (const portion of [1, 999, 1_000_000]) {
    test(`a ${kind} layer that comes ${portion} bytes at a time is kept under the digest of its plain tar`, async () => {
      const small = portion === 1 ? tarOf([file('a')]) : TAR
      const pack = { plain: (tar: Buffer) => tar, gzip: gzipSync, zstd: zstdCompressSync }[kind]!
      const id = await store.add(streamOf(pack(small), { portion }))
      assert.equal(id, idOf(small))
      assert.ok(store.has(id))
      assert.deepEqual(await bytesIn(store.read(id)), small)
      const stored = await bytesIn(store.open(id))
      assert.deepEqual(gunzipSync(stored), small)
      assert.equal(store.size(id), stored.length)
      assert.equal(store.bytes, stored.length)
    })
  }
  test(`a ${kind} layer whose stream fails leaves nothing behind`, async () => {
    await assert.rejects(store.add(streamOf(bytes, { failing: true })), /the engine hung up/)
    assert.deepEqual([readdirSync(dir), store.ids(), store.bytes], [[], [], 0])
  })
  test(`a ${kind} layer that is cut off anywhere is refused and leaves nothing behind`, async () => {
    const end = kind === 'plain' ? bytes.length - 1024 : bytes.length
    for (let at = 0; at < end; at += Math.ceil(end / 40)) {
      await assert.rejects(store.add(streamOf(bytes.subarray(0, at))))
    }
    assert.deepEqual([readdirSync(dir), store.ids()], [[], []])
  })
}

test('what came compressed is kept as it came', async () => {
  const bytes = gzipSync(TAR, { level: 9 })
  await store.add(streamOf(bytes))
  assert.deepEqual(await bytesIn(store.open(ID)), bytes)
})

test('a stream that is no tar is refused', async () => {
  await assert.rejects(store.add(streamOf(Buffer.alloc(5000, 'x'))), LayerInvalid)
  await assert.rejects(store.add(streamOf(gzipSync(Buffer.alloc(5000, 'x')))), LayerInvalid)
  await assert.rejects(store.add(streamOf(tarOf([file('../escape')]))), LayerInvalid)
  assert.deepEqual(readdirSync(dir), [])
})

test('a refused layer’s stream is let go', async () => {
  const stream = streamOf(Buffer.alloc(5_000_000, 'x'))
  await assert.rejects(store.add(stream), LayerInvalid)
  assert.ok(stream.destroyed)
})

test('only the owner can read the files', async () => {
  await store.add(streamOf(TAR))
  assert.deepEqual(readdirSync(dir).sort(), [`${HEX}.list.gz`, `${HEX}.tar.gz`])
  for (const name of readdirSync(dir)) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600)
})

test('the same layer added many times at once is kept once', async () => {
  const inputs = [TAR, gzipSync(TAR), TAR, gzipSync(TAR, { level: 1 })]
  assert.deepEqual(
    await Promise.all(inputs.map(input => store.add(streamOf(input)))),
    inputs.map(() => ID),
  )
  assert.equal(readdirSync(dir).length, 2)
  assert.equal(store.bytes, statSync(join(dir, `${HEX}.tar.gz`)).size)
  assert.deepEqual(await bytesIn(store.read(ID)), TAR)
})

test('a store opened again has the layers and listings that it had, and nothing of what a crash left', async () => {
  await store.add(streamOf(TAR))
  const list = await store.listing(ID)
  for (const name of ['x.tar.gz.part', 'y.list.gz.part', `${'0'.repeat(64)}.list.gz`])
    writeFileSync(join(dir, name), 'half')
  const again = new LayerStore(dir)
  assert.deepEqual([again.ids(), again.bytes, again.size(ID)], [[ID], store.bytes, store.size(ID)])
  assert.deepEqual(readdirSync(dir).sort(), [`${HEX}.list.gz`, `${HEX}.tar.gz`])
  assert.deepEqual(await again.listing(ID), list)
  assert.deepEqual(list, layerOfTar(TAR).list)
})

for (const [damage, bytes] of Object.entries({
  lost: undefined,
  'no gzip': Buffer.from('x'),
  'of another version': gzipSync('{"listing":0,"entries":1}\n{}\n'),
  short: gzipSync('{"listing":1,"entries":3}\n{}\n'),
})) {
  test(`a listing that is ${damage} is made again`, async () => {
    await store.add(streamOf(TAR))
    const path = join(dir, `${HEX}.list.gz`)
    if (bytes) writeFileSync(path, bytes)
    else rmSync(path)
    assert.deepEqual(await new LayerStore(dir).listing(ID), layerOfTar(TAR).list)
    assert.match(gunzipSync(readFileSync(path)).toString(), /"entries":3/)
  })
}

test('a layer that is not there is an error, at once or in its stream', async () => {
  assert.throws(() => store.open(ID), /no layer sha256/)
  assert.throws(() => store.size(ID), /no layer sha256/)
  await assert.rejects(store.listing(ID), /no layer sha256/)
})

test('a damaged layer fails while it is read', async () => {
  await store.add(streamOf(TAR))
  writeFileSync(join(dir, `${HEX}.tar.gz`), gzipSync(TAR).subarray(0, 100))
  await assert.rejects(bytesIn(store.read(ID)))
})

test('all layers but the kept ones are removed, with what they took', async () => {
  const other = await store.add(streamOf(tarOf([file('other')])))
  await store.add(streamOf(TAR))
  const bytes = store.size(other)
  assert.deepEqual(await store.keep(new Set([ID])), { removed: 1, bytes })
  assert.deepEqual([store.ids(), store.bytes], [[ID], store.size(ID)])
  assert.deepEqual(readdirSync(dir).sort(), [`${HEX}.list.gz`, `${HEX}.tar.gz`])
})

test('an operation’s layers are not removed while it runs, whether it named, added, opened or listed them', async () => {
  const layers = await Promise.all(['1', '2', '3', '4'].map(name => store.add(streamOf(tarOf([file(name)])))))
  const [named, opened, listed, unused] = layers as [string, string, string, string]
  {
    using held = store.retain([named])
    await bytesIn(store.open(opened))
    await store.listing(listed)
    const added = await store.add(streamOf(TAR))
    assert.equal((await store.keep(new Set())).removed, 1)
    assert.deepEqual(store.ids().sort(), [named, opened, listed, added].sort())
    assert.equal(store.has(unused), false)
    held.add(named)
  }
  assert.equal((await store.keep(new Set())).removed, 4)
  assert.deepEqual(readdirSync(dir), [])
})

test('a layer that was retained when removal began stays, also when its operation ends meanwhile', async () => {
  const held = store.retain()
  const id = await store.add(streamOf(TAR))
  const removal = store.keep(new Set())
  held[Symbol.dispose]()
  assert.equal((await removal).removed, 0)
  assert.ok(store.has(id))
})

test('a layer that is added again while it is removed is there in the end', async () => {
  for (let round = 0; round < 20; round++) {
    await store.add(streamOf(TAR))
    const removal = store.keep(new Set())
    assert.equal(store.has(ID), false)
    await Promise.all([removal, store.add(streamOf(TAR)), store.add(streamOf(gzipSync(TAR)))])
    assert.deepEqual(await bytesIn(store.read(ID)), TAR)
    assert.deepEqual(await new LayerStore(dir).listing(ID), layerOfTar(TAR).list)
  }
})

test('a layer opened before its removal is read to its end', async () => {
  await store.add(streamOf(TAR))
  const stream = store.read(ID)
  await store.keep(new Set())
  assert.deepEqual(await bytesIn(stream), TAR)
})
