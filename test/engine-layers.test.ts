import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, before, beforeEach, describe, test } from 'node:test'
import Docker from 'dockerode'
import { assemble } from '../src/engine/docker/assemble.ts'
import { Cgroup } from '../src/engine/docker/cgroup.ts'
import { DockerEngine } from '../src/engine/docker/docker-engine.ts'
import { withTinyImage } from '../src/engine/docker/tiny-image.ts'
import { type ContainerSpec, type Labels, LayersMissing, NotFound } from '../src/engine/engine.ts'
import { LayerStore } from '../src/layers/layer-store.ts'
import { removeAllOf } from './support/cleanup.ts'
import { tarOf } from './support/tar.ts'

const docker = new Docker()
const host = randomBytes(6).toString('hex')
const folder = mkdtempSync(join(tmpdir(), 'dormice-layers-'))
const repository = `dormice-${host}/app`
/** How small an image can be described. */
const plain = JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Env: ['A=b'], Cmd: ['/run'] } })

const labels = (generation = 1): Labels => ({ host, role: 'snapshot', app: 'app', generation, release: 1 })
const spec = (name: string, image: string): ContainerSpec => ({
  name: `dormice-${host}-${name}`,
  image,
  labels: { ...labels(), role: 'instance' },
  command: ['sh', '-c', 'date > /app/now; echo written; while :; do date > /app/now; sleep 0.01; done'],
  env: { PORT: '8080', KEY: 'planted-secret' },
  secrets: ['KEY'],
  limits: { memory: 64 * 2 ** 20, cpu: 1, pids: 32, tmp: 2 ** 20 },
  confinement: 'image',
  grace: 1,
})

/** A layer store that counts what it is given. */
class CountingStore extends LayerStore {
  readonly added: string[] = []

  override async add(tar: Readable): Promise<string> {
    const id = await super.add(tar)
    this.added.push(id)
    return id
  }
}

let stores = 0
const newStore = () => new CountingStore(join(folder, `layers-${stores++}`))

async function addLayer(store: LayerStore, files: Record<string, string>): Promise<string> {
  return store.add(Readable.from([await tarOf(files)]))
}

/** An image of two layers of its own, and the store that they are in. */
async function twoLayers(engine: DockerEngine, tag: string) {
  const store = newStore()
  const layers = [
    await addLayer(store, { 'base.txt': randomBytes(50_000).toString('hex') }),
    await addLayer(store, { 'state.txt': randomBytes(10).toString('hex') }),
  ]
  const image = await engine.assemble({ config: plain, layers }, { tag, labels: labels() }, store)
  return { image, layers, store, tag }
}

/** Adds a layer to an image as a sleep does: a container with a file in it that the image has not. */
async function grown(engine: DockerEngine, image: string, tag: string): Promise<void> {
  const id = await engine.create(spec(randomBytes(4).toString('hex'), image))
  try {
    await engine.put(
      id,
      '/',
      Readable.from([await tarOf({ [`${randomBytes(4).toString('hex')}.txt`]: tag })]),
    )
    assert.ok(await engine.commit(id, { tag, labels: labels(2) }))
  } finally {
    await engine.remove(id)
  }
}

/** The layer's bytes, however a store has compressed them. */
const bytesOf = async (store: LayerStore, layer: string) =>
  createHash('sha256')
    .update(await buffer(store.read(layer)))
    .digest('hex')

const pushTags = async () =>
  (await docker.listImages({ filters: { reference: [`127.0.0.1:*/dormice-${host}`] } })).flatMap(
    image => image.RepoTags ?? [],
  )
const probeTags = async () =>
  (await docker.listImages({ filters: { reference: [`dormice-probe/${host}`] } })).flatMap(
    image => image.RepoTags ?? [],
  )

before(() => removeAllOf(host))
after(async () => {
  await removeAllOf(host)
  rmSync(folder, { recursive: true })
})

describe('layers are copied off the engine', () => {
  let memory: string
  beforeEach(() => {
    memory = mkdtempSync(join(folder, 'engine-'))
  })

  test('every layer the first time, only the new one the second, and none that is there', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    const { layers, tag } = await twoLayers(engine, `${repository}:first`)
    const store = newStore()
    const manifest = await engine.copyLayers(tag, store)
    assert.deepEqual(manifest.layers, layers)
    assert.deepEqual(store.added.toSorted(), layers.toSorted())

    await grown(engine, tag, `${repository}:second`)
    const second = await engine.copyLayers(`${repository}:second`, store)
    assert.deepEqual(second.layers.slice(0, -1), layers)
    assert.deepEqual(store.added.slice(2), second.layers.slice(-1))

    assert.deepEqual(await engine.copyLayers(`${repository}:second`, store), second)
    assert.equal(store.added.length, 3)
    assert.deepEqual(await pushTags(), [])
    assert.deepEqual(await probeTags(), [])
  })

  test('only the new one after a restart of the host too', async () => {
    const store = newStore()
    let layers: readonly string[]
    {
      await using engine = new DockerEngine(host, { folder: memory })
      layers = (await twoLayers(engine, `${repository}:before`)).layers
      await engine.copyLayers(`${repository}:before`, store)
    }
    await using engine = new DockerEngine(host, { folder: memory })
    await grown(engine, `${repository}:before`, `${repository}:after`)
    const { layers: all } = await engine.copyLayers(`${repository}:after`, store)
    assert.deepEqual(all.slice(0, 2), layers)
    assert.deepEqual(store.added.slice(2), all.slice(2))
  })

  test('again, when the store has lost them', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    const { layers, tag } = await twoLayers(engine, `${repository}:lost`)
    await engine.copyLayers(tag, newStore())
    const store = newStore()
    await engine.copyLayers(tag, store)
    assert.deepEqual(store.added.toSorted(), layers.toSorted())
  })

  test('of several images at once, into stores of their own too', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    const { layers, tag } = await twoLayers(engine, `${repository}:many`)
    const tags = [0, 1, 2, 3, 4, 5].map(n => `${repository}:many-${n}`)
    for (const each of tags) await grown(engine, tag, each)
    const shared = newStore()
    const own = newStore()
    const manifests = await Promise.all([
      ...tags.map(each => engine.copyLayers(each, shared)),
      engine.copyLayers(tags[0]!, shared),
      engine.copyLayers(tags[0]!, own),
    ])
    for (const manifest of manifests) {
      assert.equal(manifest.layers.length, 3)
      assert.deepEqual(manifest.layers.slice(0, 2), layers)
      for (const layer of manifest.layers) assert.ok(shared.has(layer))
    }
    for (const layer of manifests.at(-1)!.layers) assert.ok(own.has(layer))
    assert.deepEqual(await pushTags(), [])
  })

  test('by saving where the engine does not reach us, with the same result, and that is found out once', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    const { layers, tag } = await twoLayers(engine, `${repository}:far`)
    const pushed = newStore()
    const manifest = await engine.copyLayers(tag, pushed)

    const pushes: string[] = []
    const far = new Docker()
    const { getImage } = far
    far.getImage = name => {
      const image = getImage.call(far, name)
      // What an engine on another machine says.
      image.push = async () => {
        pushes.push(name)
        const error = 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'
        return Readable.from([`${JSON.stringify({ error })}\n`])
      }
      return image
    }
    await using remote = new DockerEngine(host, { docker: far })
    for (const _ of [1, 2]) {
      const saved = newStore()
      assert.deepEqual(await remote.copyLayers(tag, saved), manifest)
      for (const layer of layers) assert.deepEqual(await bytesOf(saved, layer), await bytesOf(pushed, layer))
    }
    assert.equal(pushes.length, 1)
    assert.deepEqual(await remote.probe(), { leavesOut: true, pushes: false })
    assert.deepEqual(await pushTags(), [])
  })

  test('a sink that fails ends the copy with its own reason, and the temporary tag is gone', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    const { tag } = await twoLayers(engine, `${repository}:full`)
    const full = new Error('no space left on device')
    const seen: string[][] = []
    const sink = {
      has: () => false,
      async add(): Promise<string> {
        seen.push(await pushTags())
        // While it has the tag it is not seen.
        assert.deepEqual((await engine.image(tag)).tags, [tag])
        assert.ok(!(await engine.images()).some(image => image.tags.some(each => each.startsWith('127.'))))
        throw full
      },
    }
    await assert.rejects(engine.copyLayers(tag, sink), full)
    assert.ok(seen.some(tags => tags.length > 0))
    assert.deepEqual(await pushTags(), [])
    await engine.copyLayers(tag, newStore())
  })

  test('tags that a killed host left are not seen and go with the next copy', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    const { tag } = await twoLayers(engine, `${repository}:killed`)
    await docker.getImage(tag).tag({ repo: `127.0.0.1:1/dormice-${host}`, tag: 'left' })
    assert.deepEqual((await engine.image(tag)).tags, [tag])
    await engine.copyLayers(tag, newStore())
    assert.deepEqual(await pushTags(), [])
  })

  test('what the engine is tried out with is not among the host’s images, and goes with them', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    await withTinyImage(docker, host, 'test', async tag => {
      assert.equal((await engine.image(tag)).labels.host, host)
      assert.ok(!(await engine.images()).some(image => image.tags.includes(tag)))
    })
    assert.deepEqual(await probeTags(), [])
  })

  test('what a host that was killed left of trying the engine out goes when the next one does', async () => {
    for (const purpose of ['sent', 'left-out', 'push']) {
      const { promise: loaded, resolve } = Promise.withResolvers<void>()
      // Killed: what is run with it never ends.
      void withTinyImage(docker, host, purpose, () => new Promise(() => resolve()))
      await loaded
    }
    assert.equal((await probeTags()).length, 3)
    await using engine = new DockerEngine(host, { folder: memory })
    await engine.probe()
    assert.deepEqual(await probeTags(), [])
    assert.deepEqual(
      await docker.listImages({ filters: { label: [`dormice.host=${host}`, 'dormice.probe'] } }),
      [],
    )
  })

  test('an image without a tag is copied and is still there', async () => {
    await using engine = new DockerEngine(host, { folder: memory })
    const { image, layers, tag } = await twoLayers(engine, `${repository}:untagged`)
    // The tag moves to another image, which leaves this one without.
    await engine.assemble({ config: plain, layers }, { tag, labels: labels(9) }, newStore())
    assert.deepEqual((await engine.image(image.id)).tags, [])
    assert.deepEqual((await engine.copyLayers(image.id, newStore())).layers, layers)
    assert.equal((await engine.image(image.id)).id, image.id)
  })

  test('a closed engine lets nothing in and copies nothing', async () => {
    const engine = new DockerEngine(host, { folder: memory })
    const { tag } = await twoLayers(engine, `${repository}:closed`)
    await engine.copyLayers(tag, newStore())
    const { port } = JSON.parse(readFileSync(join(memory, 'pushed.json'), 'utf8'))
    assert.equal((await fetch(`http://127.0.0.1:${port}/v2/`)).status, 401)
    await engine[Symbol.asyncDispose]()
    await assert.rejects(fetch(`http://127.0.0.1:${port}/v2/`))
    await assert.rejects(engine.copyLayers(tag, newStore()), { name: 'EngineUnavailable' })
  })
})

describe('images are made of layers', () => {
  const engine = new DockerEngine(host)
  after(() => engine[Symbol.asyncDispose]())

  for (const leavesOut of [true, false]) {
    const how = leavesOut ? 'leaving out what the engine has' : 'sending everything along'

    test(`${how}: layers, configuration and labels are the ones given`, async () => {
      const { layers, store } = await twoLayers(engine, `${repository}:a-${leavesOut}`)
      const { config } = await engine.manifest(`${repository}:a-${leavesOut}`)
      const more = [...layers, await addLayer(store, { 'more.txt': 'more' })]
      const opened: string[] = []
      const source = {
        has: (id: string) => store.has(id),
        size: (id: string) => store.size(id),
        open: (id: string) => {
          opened.push(id)
          return store.open(id)
        },
      }
      const tag = `${repository}:b-${leavesOut}`
      const manifest = { config, layers: more }
      const image = await assemble(docker, leavesOut, manifest, { tag, labels: labels(7) }, source)
      assert.deepEqual(opened, leavesOut ? more.slice(2) : more)
      assert.deepEqual(image.tags, [tag])
      const { RootFS, Config } = await docker.getImage(tag).inspect()
      assert.deepEqual(RootFS.Layers, more)
      assert.deepEqual(image.labels, labels(7))
      assert.deepEqual([Config.Env, Config.Cmd], [['A=b'], ['/run']])
      assert.deepEqual(await engine.manifest(tag), manifest)
    })

    test(`${how}: a layer that is nowhere is told, and no image is left`, async () => {
      const store = newStore()
      const layers = [await addLayer(store, { 'here.txt': randomBytes(5).toString('hex') })]
      layers.push(`sha256:${createHash('sha256').update(randomBytes(5)).digest('hex')}`)
      const tag = `${repository}:missing-${leavesOut}`
      const made = assemble(docker, leavesOut, { config: plain, layers }, { tag, labels: labels() }, store)
      await assert.rejects(made, LayersMissing)
      await assert.rejects(engine.image(tag), NotFound)
    })
  }

  test('from the store alone when the engine has lost the image', async () => {
    const { layers, store, tag } = await twoLayers(engine, `${repository}:pruned`)
    const manifest = await engine.manifest(tag)
    await engine.removeImage(tag)
    const image = await engine.assemble(manifest, { tag, labels: labels() }, store)
    assert.deepEqual(image.layers, layers)
  })

  test('a source whose bytes are not the layer’s, or end early, makes no image', async () => {
    const store = newStore()
    const right = await addLayer(store, { 'right.txt': randomBytes(50).toString('hex') })
    const wrong = await addLayer(store, { 'wrong.txt': 'wrong' })
    const tag = `${repository}:wrong`
    const lost = new Error('the disk cannot be read')
    const swapped = { has: () => true, size: () => store.size(wrong), open: () => store.open(wrong) }
    const broken = {
      has: () => true,
      size: () => store.size(right),
      open: () =>
        new Readable({
          read() {
            this.destroy(lost)
          },
        }),
    }
    const make = (source: typeof swapped) =>
      engine.assemble({ config: plain, layers: [right] }, { tag, labels: labels() }, source)
    await assert.rejects(make(swapped), /diff/i)
    await assert.rejects(make(broken), lost)
    await assert.rejects(engine.image(tag), NotFound)
  })

  test('a manifest that is none is refused before the engine sees it', async () => {
    for (const manifest of [
      { config: '[]', layers: [] },
      { config: '{"config":"x"}', layers: [] },
      { config: plain, layers: ['../../etc/passwd'] },
    ]) {
      await assert.rejects(
        engine.assemble(manifest, { tag: `${repository}:none`, labels: labels() }, newStore()),
      )
    }
    await assert.rejects(engine.image(`${repository}:none`), NotFound)
  })
})

describe('containers are frozen', () => {
  const engine = new DockerEngine(host)
  after(() => engine[Symbol.asyncDispose]())

  /** Starts one, which has written something when this resolves. */
  async function start(name: string): Promise<string> {
    const { id } = await engine.start(spec(name, 'dormice/runtime-static:latest'))
    for await (const { text } of engine.logs(id, { follow: true })) if (text === 'written') break
    return id
  }

  test('a running one is paused until it is thawed; twice, and thawing a stopped one, is no error', async () => {
    const id = await start('frozen')
    await engine.thaw(id)
    await engine.freeze(id)
    await engine.freeze(id)
    assert.equal((await engine.container(id)).state, 'paused')
    // By the kernel where that can be reached from here, of which the engine knows nothing.
    const { State } = await docker.getContainer(id).inspect()
    assert.equal(State.Paused, (await Cgroup.usual(id)) === undefined)
    await engine.thaw(id)
    await engine.thaw(id)
    assert.equal((await engine.container(id)).state, 'running')
    await engine.stop(id, 1)
    await engine.thaw(id)
    await assert.rejects(engine.freeze(id))
    await engine.remove(id)
    await assert.rejects(engine.thaw(id), NotFound)
  })

  test('a frozen one gets its time to end, and one that is removed ends at once', async () => {
    const id = await start('ending')
    await engine.freeze(id)
    const began = performance.now()
    await engine.stop(id, 20)
    assert.ok(performance.now() - began < 10_000, 'it never got the signal')
    assert.equal((await engine.container(id)).state, 'exited')
    await engine.run(id)
    await engine.freeze(id)
    const removing = performance.now()
    await engine.remove(id)
    assert.ok(performance.now() - removing < 10_000, 'it was not killed')
    await assert.rejects(engine.container(id), NotFound)
  })

  test('one that somebody has paused goes on and is stopped like any other', async () => {
    const id = await start('paused')
    await docker.getContainer(id).pause()
    assert.equal((await engine.container(id)).state, 'paused')
    await engine.freeze(id)
    await engine.thaw(id)
    assert.equal((await engine.container(id)).state, 'running')
    assert.deepEqual(
      (await engine.containers()).map(({ state }) => state),
      ['running'],
    )
    await engine.stop(id, 20)
    assert.equal((await engine.container(id)).state, 'exited')
    await engine.remove(id)
  })

  test('a running one is committed without stopping, and so is one that has just ended', async () => {
    const id = await start('running')
    const tag = `${repository}:running`
    assert.ok(await engine.commit(id, { tag, labels: labels(3), live: true }))
    assert.equal((await engine.container(id)).state, 'running')
    await engine.stop(id, 1)
    assert.ok(await engine.commit(id, { tag: `${tag}-ended`, labels: labels(4), live: true }))
    await engine.remove(id)
  })

  test('a frozen one is committed without its secrets, stays frozen, and goes on when thawed', async () => {
    const id = await start('live')
    await engine.freeze(id)
    const tag = `${repository}:live`
    const image = await engine.commit(id, { tag, labels: labels(3), live: true })
    assert.equal((await engine.container(id)).state, 'paused')
    await engine.thaw(id)
    assert.equal((await engine.container(id)).state, 'running')
    await engine.remove(id)
    assert.ok(image)
    const base = await engine.image('dormice/runtime-static:latest')
    assert.deepEqual(image.layers.slice(0, -1), base.layers)
    assert.doesNotMatch(JSON.stringify(await docker.getImage(tag).inspect()), /planted-secret/)
    const { config } = await engine.manifest(tag)
    assert.doesNotMatch(config, /planted-secret|abels|dormice\./)
  })
})
