import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { addAbortSignal, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { LayersUnreadable } from '../engine.ts'
import { LayerCopies } from './copy-layers.ts'

const nameOf = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

async function tarOf(files: Record<string, Buffer | string>): Promise<Buffer> {
  const archive = pack()
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mtime: new Date(0) }, content)
  archive.finalize()
  return buffer(archive)
}

const progress = (line: object = {}) => Readable.from([`${JSON.stringify(line)}\n`], { objectMode: false })

type Push = { tag: string; authconfig: { username: string; password: string }; abortSignal: AbortSignal }

/** What an engine says each second while it waits to send a layer again; the layer's name is cut short. */
const retrying = (layer: string) => ({ status: 'Retrying in 5 seconds', id: layer.slice(7, 19) })

/** Progress that ends only with its reader. */
async function* forEver(line: object) {
  while (true) {
    yield `${JSON.stringify(line)}\n`
    await nextTurn()
  }
}

/** An engine with images of one layer each: it pushes and saves them, and says what it was asked for. */
async function fakeEngine() {
  const layer = await tarOf({ file: 'of an app' })
  const probe = await tarOf({ 'dormice-probe': '' })
  const asked: string[] = []
  const engine = {
    asked,
    refuses: undefined as string | undefined,
    /** Sends half of a layer, and tries that again for ever. */
    breaksOff: false,
    /** Was refused a layer, and sends it again. */
    waits: false,
    saveFails: undefined as string | undefined,
    removedLeft: 0,
  }
  const layerIn = (name: string) => (name === 'app' ? layer : probe)
  const configOf = (name: string) =>
    JSON.stringify({ rootfs: { type: 'layers', diff_ids: [nameOf(layerIn(name))] } })
  let tagged = ''
  async function pushed(repository: string, { authconfig, abortSignal }: Push) {
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
    if (engine.breaksOff && tagged === 'app') {
      const { headers } = await ask('POST', 'blobs/uploads/')
      const upload = request(new URL(headers.get('location') ?? '', `http://${host}`), {
        method: 'PATCH',
        auth: `${username}:${password}`,
      })
      upload.on('error', () => undefined)
      upload.write('half', () => upload.destroy())
      return addAbortSignal(
        abortSignal,
        Readable.from(forEver(retrying(nameOf(layer))), { objectMode: false }),
      )
    }
    const layers = [await send(gzipSync(layerIn(tagged)))]
    const config = await send(configOf(tagged))
    assert.equal((await ask('PUT', 'manifests/x', JSON.stringify({ config, layers }))).status, 201)
    return progress(engine.waits ? retrying(nameOf(layer)) : {})
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
        if (engine.saveFails) throw Object.assign(new Error(engine.saveFails), { statusCode: 500 })
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

const lost = `open /var/lib/docker/overlay2/${'a1'.repeat(32)}/merged/app/.wh.x: no such file or directory `

test('a layer that the engine breaks off is not waited for; if saving fails on it too, the engine is not asked again', async () => {
  const { docker, engine } = await fakeEngine()
  await using copies = new LayerCopies(docker, '0123456789ab', undefined)
  engine.breaksOff = true
  // An engine may be able to save what it cannot push.
  await copies.copy('app', memory())
  assert.deepEqual(engine.asked.splice(0), ['push probe', 'push app', 'save app'])

  engine.saveFails = `(HTTP code 500) server error - ${lost}`
  const isUnreadable = (isNew: boolean) => (error: unknown) => {
    assert.ok(error instanceof LayersUnreadable, String(error))
    assert.deepEqual([error.path, error.isNew], ['/app/.wh.x', isNew])
    return true
  }
  await assert.rejects(copies.copy('app', memory()), isUnreadable(true))
  assert.deepEqual(engine.asked.splice(0), ['push app', 'save app'])
  await assert.rejects(copies.copy('app', memory()), isUnreadable(false))
  assert.deepEqual(engine.asked, [])
})

test('an engine that only saves says too that it cannot read a layer', async () => {
  const { docker, engine } = await fakeEngine()
  await using copies = new LayerCopies(docker, '0123456789ab', undefined)
  engine.refuses = 'dial tcp 127.0.0.1: connect: connection refused'
  engine.saveFails = lost
  await assert.rejects(copies.copy('app', memory()), LayersUnreadable)
  await assert.rejects(copies.copy('app', memory()), LayersUnreadable)
  assert.deepEqual(engine.asked, ['push probe', 'save app'])
})

test('a save that fails for anything else says nothing about the layers', async () => {
  const { docker, engine } = await fakeEngine()
  await using copies = new LayerCopies(docker, '0123456789ab', undefined)
  engine.breaksOff = true
  for (const message of [
    'write /var/lib/docker/tmp/docker-export-1/layer.tar: no space left on device',
    `open /var/lib/docker/tmp/docker-export-1/${'a1'.repeat(32)}/layer.tar: no space left on device`,
    `open /var/lib/docker/overlay2/${'a1'.repeat(32)}/merged/app/x: too many open files`,
  ]) {
    engine.saveFails = message
    await assert.rejects(copies.copy('app', memory()), { message })
  }
  engine.saveFails = undefined
  await copies.copy('app', memory())
})

test('a layer that is sent again for what it was refused is waited for', async () => {
  const { docker, engine } = await fakeEngine()
  await using copies = new LayerCopies(docker, '0123456789ab', undefined)
  engine.waits = true
  await copies.copy('app', memory())
  assert.deepEqual(engine.asked, ['push probe', 'push app'])
})
