import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Docker from 'dockerode'
import { TestHost } from './support/host.ts'

const docker = new Docker()

/** The sandbox that an app's container is in; undefined: it has a network of its own. */
async function sandboxOf(host: TestHost): Promise<string | undefined> {
  const [container] = await host.containers()
  const mode = container?.HostConfig.NetworkMode ?? ''
  return mode.startsWith('container:') ? mode.slice('container:'.length) : undefined
}

/** Resolves once so many sandboxes run, with their ids. */
async function untilThereAre(host: TestHost, count: number): Promise<string[]> {
  for (;;) {
    const running = (await host.sandboxes()).filter(({ State }) => State === 'running')
    if (running.length === count) return running.map(({ Id }) => Id)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Resolves once that sandbox is gone, and two others lie ready. */
async function untilGone(host: TestHost, sandbox: string | undefined): Promise<void> {
  while ((await untilThereAre(host, 2)).some(id => id === sandbox))
    await new Promise(resolve => setTimeout(resolve, 50))
}

/** Puts the app to sleep; nothing of its instance is left then. Its sandbox is not used again, for enough lie ready. */
async function asleep(host: TestHost): Promise<void> {
  const used = await sandboxOf(host)
  await untilThereAre(host, used === undefined ? 2 : 3)
  await host.sleep('box')
  await untilGone(host, used)
}

async function writes(host: TestHost, path: string, text: string): Promise<void> {
  assert.equal((await host.visit('box', path, { method: 'PUT', body: text })).status, 200)
}

const app = `import { createServer } from 'node:http'
import { readFile, writeFile } from 'node:fs/promises'
createServer(async (req, res) => {
  if (req.method === 'PUT') {
    const chunks = []
    for await (const chunk of req) chunks.push(chunk)
    await writeFile('/app' + req.url, Buffer.concat(chunks))
  }
  res.end(await readFile('/app' + req.url).catch(() => 'nothing'))
}).listen(process.env.PORT)
`

describe('a sandbox', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1h', DORMICE_SANDBOXES: '2' })
    await host.deployText('box', 'main.mjs', app)
    await asleep(host)
  })
  after(() => host[Symbol.asyncDispose]())

  test('lies ready for an instance, and goes with it once others have taken its place', async () => {
    const ready = await untilThereAre(host, 2)
    await writes(host, '/note', 'kept')
    const used = await sandboxOf(host)
    assert.ok(used !== undefined && ready.includes(used))
    assert.equal((await untilThereAre(host, 3)).filter(id => ready.includes(id)).length, 2)
    await asleep(host)
    assert.equal((await host.visit('box', '/note')).body, 'kept')
    assert.notEqual(await sandboxOf(host), used)
    await asleep(host)
  })

  test('that has gone while it lay ready is replaced, and who wakes meanwhile is answered', async () => {
    for (const id of await untilThereAre(host, 2)) await docker.getContainer(id).remove({ force: true })
    assert.equal((await host.visit('box', '/note')).body, 'kept')
    await asleep(host)
  })

  test('that goes under an instance costs the app a sleep, and neither a file nor a request', async () => {
    await writes(host, '/note', 'written before')
    const used = await sandboxOf(host)
    assert.ok(used !== undefined)
    await docker.getContainer(used).remove({ force: true })
    assert.equal((await host.visit('box', '/note')).body, 'written before')
    assert.notEqual(await sandboxOf(host), used)
    await asleep(host)
  })

  test('that goes under a frozen instance is noticed, and the next visitor does not wait for it', async () => {
    await writes(host, '/note', 'written before')
    await host.api('POST', '/v1/apps/box/freeze')
    const used = await sandboxOf(host)
    assert.ok(used !== undefined)
    await docker.getContainer(used).remove({ force: true })
    await host.until('box', 'asleep')
    assert.equal((await host.visit('box', '/note')).body, 'written before')
    await asleep(host)
  })

  test('goes as well with an instance that somebody has removed', async () => {
    await host.visit('box')
    const used = await sandboxOf(host)
    const [container] = await host.containers()
    assert.ok(used !== undefined && container !== undefined)
    await docker.getContainer(container.Id).remove({ force: true })
    while ((await host.sandboxes()).some(({ Id }) => Id === used))
      await new Promise(resolve => setTimeout(resolve, 50))
    assert.equal((await host.visit('box', '/note')).body, 'written before')
    await asleep(host)
  })

  test('that an earlier run of the host left is removed, but for one with an app in it', async () => {
    await host.visit('box')
    const used = await sandboxOf(host)
    const left = await untilThereAre(host, 3)
    await host.kill('SIGKILL')
    await host.boot()
    assert.equal((await host.visit('box', '/note')).body, 'written before')
    assert.equal(await sandboxOf(host), used)
    while ((await host.sandboxes()).some(({ Id }) => Id !== used && left.includes(Id)))
      await new Promise(resolve => setTimeout(resolve, 50))
    await untilThereAre(host, 3)
    await asleep(host)
  })

  test('is not left behind by a host that ends', async () => {
    await host.visit('box')
    await host.kill('SIGTERM')
    assert.deepEqual(await host.sandboxes(), [])
    await host.boot()
  })
})

test('without sandboxes apps wake all the same', async () => {
  await using host = await TestHost.start({ DORMICE_SANDBOXES: '0' })
  await host.deployText('box', 'main.mjs', app)
  await host.sleep('box')
  assert.equal((await host.visit('box')).body, 'nothing')
  assert.equal(await sandboxOf(host), undefined)
  assert.deepEqual(await host.sandboxes(), [])
})

test('where many come and go, sandboxes that apps have left are used again', async () => {
  await using host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1h', DORMICE_SANDBOXES: '6' })
  await host.deployText('box', 'main.mjs', app)
  await host.sleep('box')
  const apps = ['box-1', 'box-2', 'box-3', 'box-4', 'box-5', 'box-6']
  for (const name of apps) await host.api('POST', '/v1/apps/box/fork', { name })
  // So many at once that fewer lie ready: those that are missing are made one after the other.
  await Promise.all(apps.map(name => host.visit(name)))
  const used = (await host.containers())
    .map(({ HostConfig }) => HostConfig.NetworkMode)
    .filter(mode => mode.startsWith('container:'))
    .map(mode => mode.slice('container:'.length))
  assert.ok(used.length > 0)
  await Promise.all(apps.map(name => host.sleep(name)))
  const ready = await untilThereAre(host, 6)
  assert.ok(used.some(sandbox => ready.includes(sandbox)))
})
