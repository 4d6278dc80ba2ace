import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { copyBySave } from './save.ts'

const nameOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const hex = (bytes: Buffer) => nameOf(bytes).replace('sha256:', '')

async function tarOf(files: Record<string, Buffer | string>): Promise<Buffer> {
  const archive = pack()
  for (const [name, bytes] of Object.entries(files)) {
    if (name.endsWith('@')) archive.entry({ name: name.slice(0, -1), type: 'symlink', linkname: '../other' })
    else archive.entry({ name }, bytes)
  }
  archive.finalize()
  return buffer(archive)
}

/** Copies what an engine saves and gives back which layers the sink was given. */
async function copied(archive: Readable, sink: { has?(id: string): boolean; fails?: Error } = {}) {
  const docker = { getImage: () => ({ get: async () => archive }) } as unknown as Docker
  const added: string[] = []
  const layers = {
    has: sink.has ?? (() => false),
    async add(stream: Readable) {
      if (sink.fails) {
        stream.destroy()
        throw sink.fails
      }
      const bytes = await buffer(stream)
      added.push(nameOf(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes))
      return added.at(-1) ?? ''
    },
  }
  const image = { Id: 'sha256:0', Size: 1 } as Docker.ImageInspectInfo
  await copyBySave(docker, image, layers, new AbortController().signal)
  return added
}

const first = await tarOf({ 'a.txt': 'a'.repeat(100_000) })
const second = await tarOf({ '{b}.txt': 'b' })
/** The tar of a layer without a file, as engines write it. */
const empty = Buffer.alloc(1024)

test('layers are found in the archive of an engine before 25', async () => {
  const archive = await tarOf({
    '0a/VERSION': '1.0',
    '0a/json': '{}',
    '0a/layer.tar': first,
    '1b/layer.tar@': '',
    '2c/layer.tar': second,
    '3d/layer.tar': empty,
    'c.json': '{}',
    'manifest.json': '[]',
  })
  assert.deepEqual(await copied(Readable.from([archive])), [first, second, empty].map(nameOf))
})

test('layers are found in an OCI archive, plain and compressed, among its other blobs', async () => {
  const blobs = [Buffer.from('{"config":{}}'), first, gzipSync(second), empty]
  const archive = await tarOf({
    ...Object.fromEntries(blobs.map(blob => [`blobs/sha256/${hex(blob)}`, blob])),
    'index.json': '{}',
    'manifest.json': '[]',
    'oci-layout': '{}',
  })
  assert.deepEqual(await copied(Readable.from([archive])), [first, second, empty].map(nameOf))
  const has = (id: string) => id === nameOf(first)
  assert.deepEqual(await copied(Readable.from([archive]), { has }), [second, empty].map(nameOf))
})

test('a sink that fails, and an archive that breaks off, fail the copy with their own reason', async () => {
  const archive = await tarOf({ '0a/layer.tar': first, '1b/layer.tar': second })
  const full = new Error('no space left on device')
  await assert.rejects(copied(Readable.from([archive]), { fails: full }), full)
  const lost = new Error('socket hang up')
  const broken = Readable.from(
    (async function* () {
      yield archive.subarray(0, 50_000)
      throw lost
    })(),
  )
  await assert.rejects(copied(broken), lost)
  await assert.rejects(copied(Readable.from([archive.subarray(0, 50_000)])))
})
