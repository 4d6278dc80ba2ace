import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { LayerCopies } from './copy-layers.ts'

const nameOf = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

async function tarOf(files: Record<string, Buffer | string>): Promise<Buffer> {
  const archive = pack()
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mtime: new Date(0) }, content)
  archive.finalize()
  return buffer(archive)
}

const progress = (line: object = {}) => Readable.from([`${JSON.stringify(line)}\n`], { objectMode: false })

type Push = { tag: string; authconfig: { username: string; password: string } }

/** An engine with images of one layer each: it pushes and saves them, and says what it was asked for. */
async function fakeEngine() {
  const layer = await tarOf({ file: 'of an app' })
  const probe = await tarOf({ 'dormice-probe': '' })
  const asked: string[] = []
  const engine = { asked, refuses: undefined as string | undefined, removedLeft: 0 }
  const layerIn = (name: string) => (name === 'app' ? layer : probe)
  const configOf = (name: string) =>
    JSON.stringify({ rootfs: { type: 'layers', diff_ids: [nameOf(layerIn(name))] } })
  let tagged = ''
  async function pushed(repository: string, { authconfig }: Push) {
    asked.push(`push ${tagged}`)
    if (engine.refuses) return progress({ error: engine.refuses })
    const { username, password } = authconfig
    const [host, path] = repository.split(/\/(.*)/s)
    const ask = async (method: string, at: string, body: string | Buffer = '') => {
      const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
      return fetch(new URL(at, `http://${host}/v2/${path}/`), { method, headers, body })
    }
    const send = async (bytes: Buffer | string) => {
      const { headers } = await ask('POST', 'blobs/uploads/')
      await ask('PUT', `${headers.get('location')}?digest=${nameOf(bytes)}`, bytes)
      return { digest: nameOf(bytes) }
    }
    const layers = [await send(gzipSync(layerIn(tagged)))]
    const config = await send(configOf(tagged))
    assert.equal((await ask('PUT', 'manifests/x', JSON.stringify({ config, layers }))).status, 201)
    return progress()
  }
  const docker = {
    version: async () => ({ Arch: 'amd64', Os: 'linux' }),
    listImages: async () => {
      engine.removedLeft++
      return []
    },
    async loadImage(archive: Readable) {
      await buffer(archive)
      return progress()
    },
    getImage: (reference: string) => ({
      async inspect() {
        const name = reference.includes('probe') ? 'probe' : 'app'
        return {
          Id: name,
          Size: 1000,
          RepoTags: ['a:tag'],
          Architecture: 'amd64',
          Os: 'linux',
          Config: {},
          RootFS: { Type: 'layers', Layers: [nameOf(layerIn(name))] },
        }
      },
      async tag() {
        tagged = reference
      },
      push: (given: Push) => pushed(reference, given),
      async get() {
        asked.push(`save ${reference}`)
        return Readable.from([await tarOf({ 'a/layer.tar': layerIn(reference) })], { objectMode: false })
      },
      remove: async () => undefined,
    }),
  }
  return { ...engine, engine, docker: docker as unknown as Docker }
}

function memory() {
  const kept = new Set<string>()
  return {
    has: (id: string) => kept.has(id),
    async add(tar: Readable) {
      const bytes = await buffer(tar)
      const id = nameOf(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes)
      kept.add(id)
      return id
    },
  }
}

test('a push that never reached us is a save this once; the next copy tries whether pushing works again', async () => {
  const { docker, engine } = await fakeEngine()
  await using copies = new LayerCopies(docker, '0123456789ab', undefined)
  await copies.copy('app', memory())
  assert.deepEqual(engine.asked.splice(0), ['push probe', 'push app'])
  // As where another push sent its layers for it, and ended.
  engine.refuses = 'unauthorized: not a push that runs'
  await copies.copy('app', memory())
  assert.equal(engine.asked.splice(0).at(-1), 'save app')
  engine.refuses = undefined
  await copies.copy('app', memory())
  assert.deepEqual(engine.asked.splice(0), ['push probe', 'push app'])
  // Tags of pushes that run now are not those that a killed host left.
  assert.equal(engine.removedLeft, 1)
})

test('an engine that cannot push to us is asked once, and saves from then on', async () => {
  const { docker, engine } = await fakeEngine()
  await using copies = new LayerCopies(docker, '0123456789ab', undefined)
  engine.refuses = 'dial tcp 127.0.0.1: connect: connection refused'
  await copies.copy('app', memory())
  await copies.copy('app', memory())
  assert.deepEqual(engine.asked, ['push probe', 'save app', 'save app'])
})
