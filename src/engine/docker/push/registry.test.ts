import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Agent, fetch } from 'undici'
import { Registry } from './registry.ts'
import { SentBlobs } from './sent-blobs.ts'
import type { Session } from './session.ts'

const folder = mkdtempSync(join(tmpdir(), 'dormice-registry-'))
after(() => rmSync(folder, { recursive: true }))

const nameOf = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const tar = Buffer.from('the layer of a test')
const layer = nameOf(tar)
const gzip = gzipSync(tar)
const digest = nameOf(gzip)

function memory() {
  const kept = new Set<string>()
  return {
    kept,
    has: (id: string) => kept.has(id),
    async add(stream: Readable) {
      const id = nameOf(gunzipSync(await buffer(stream)))
      kept.add(id)
      return id
    },
  }
}

const asBasic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

/** A registry with one push running, as its engine sees it. */
async function fixture({ sink = memory(), maxBytes = 1_000_000, sent = new SentBlobs(undefined) } = {}) {
  const registry = new Registry('repo', sent)
  // Its own, for the next registry may have the port.
  const dispatcher = new Agent()
  const address = await registry.address()
  const url = `http://${address.split('/', 1)[0]}`
  const session: Session = registry.begin(sink, maxBytes)
  const ask = (
    method: string,
    path: string,
    body?: Buffer | string,
    authorization = asBasic(session.username, session.password),
  ) =>
    fetch(`${url}${path}`, {
      method,
      dispatcher,
      headers: { authorization },
      ...(body === undefined ? {} : { body }),
    })
  const upload = async (bytes: Buffer | string, name = nameOf(bytes)) => {
    const begun = await ask('POST', '/v2/repo/blobs/uploads/')
    const patched = await ask('PATCH', begun.headers.get('location') ?? '', bytes)
    if (patched.status !== 202) return patched
    return ask('PUT', `${patched.headers.get('location')}?digest=${name}`)
  }
  return {
    registry,
    session,
    sink,
    ask,
    upload,
    port: Number(new URL(url).port),
    async [Symbol.asyncDispose]() {
      await dispatcher.destroy()
      await registry[Symbol.asyncDispose]()
    },
  }
}

test('only the credentials of a push that runs are let in, and only while it runs', async () => {
  await using push = await fixture()
  const { username, password } = push.session
  const status = async (authorization: string) =>
    (await push.ask('GET', '/v2/', undefined, authorization)).status
  assert.equal(await status(asBasic(username, password)), 200)
  for (const wrong of ['', 'Basic', `Bearer ${password}`, asBasic(username, ''), asBasic('', password)]) {
    assert.equal(await status(wrong), 401, wrong)
  }
  assert.equal(await status(asBasic(username, `${password}x`)), 401)
  const other = push.registry.begin(memory(), 1)
  assert.equal(await status(asBasic(username, other.password)), 401)
  push.registry.end(push.session)
  assert.equal(await status(asBasic(username, password)), 401)
})

test('nothing can be had from it, and nothing but a push be done', async () => {
  await using push = await fixture()
  assert.equal((await push.upload(gzip)).status, 201)
  const refused: [string, string, number][] = [
    ['GET', `/v2/repo/blobs/${digest}`, 405],
    ['DELETE', `/v2/repo/blobs/${digest}`, 405],
    ['GET', '/v2/repo/manifests/latest', 405],
    ['HEAD', '/v2/repo/manifests/latest', 404],
    ['GET', '/v2/_catalog', 404],
    ['GET', '/v2/repo/tags/list', 405],
    ['HEAD', `/v2/other/blobs/${digest}`, 404],
    ['PATCH', '/v2/repo/blobs/uploads/0123', 404],
  ]
  for (const [method, path, status] of refused) {
    assert.equal((await push.ask(method, path)).status, status, `${method} ${path}`)
  }
})

test('a layer that was uploaded is in the sink and need not be sent again, until the sink has it no more', async () => {
  await using push = await fixture()
  assert.equal((await push.ask('HEAD', `/v2/repo/blobs/${digest}`)).status, 404)
  const done = await push.upload(gzip)
  assert.equal(done.status, 201)
  assert.equal(done.headers.get('docker-content-digest'), digest)
  assert.deepEqual([...push.sink.kept], [layer])
  const head = await push.ask('HEAD', `/v2/repo/blobs/${digest}`)
  assert.equal(head.status, 200)
  assert.equal(head.headers.get('content-length'), String(gzip.length))
  push.sink.kept.clear()
  assert.equal((await push.ask('HEAD', `/v2/repo/blobs/${digest}`)).status, 404)
})

test('bytes that are not what their digest says are refused and not remembered', async () => {
  await using push = await fixture()
  const other = nameOf('something else')
  assert.equal((await push.upload(gzip, other)).status, 400)
  for (const name of [other, digest]) {
    assert.equal((await push.ask('HEAD', `/v2/repo/blobs/${name}`)).status, 404)
  }
})

test('more bytes and more uploads than a push can need are refused', async () => {
  await using push = await fixture({ maxBytes: gzip.length + 10 })
  assert.equal((await push.upload(gzip)).status, 201)
  assert.equal((await push.upload(gzipSync(Buffer.alloc(100_000)))).status, 413)
  const statuses = new Set<number>()
  for (let n = 0; n < 40; n++) statuses.add((await push.ask('POST', '/v2/repo/blobs/uploads/')).status)
  assert.deepEqual([...statuses], [202, 429])
})

test('a manifest is taken when its layers are those of its configuration, in order, and in the sink', async () => {
  await using push = await fixture()
  await push.upload(gzip)
  const manifest = async (layers: string[], diffIds: string[]) => {
    const config = JSON.stringify({ rootfs: { type: 'layers', diff_ids: diffIds } })
    await push.upload(config)
    const body = JSON.stringify({
      config: { digest: nameOf(config) },
      layers: layers.map(name => ({ digest: name })),
    })
    return (await push.ask('PUT', '/v2/repo/manifests/tag', body)).status
  }
  assert.equal(await manifest([digest], [nameOf('other')]), 400)
  assert.equal(await manifest([digest, digest], [layer]), 400)
  assert.equal(await manifest([nameOf('unknown')], [layer]), 400)
  assert.equal(push.session.pushed, undefined)
  assert.equal(await manifest([digest], [layer]), 201)
  assert.deepEqual(push.session.pushed, [layer])
  assert.equal((await push.ask('PUT', '/v2/repo/manifests/tag', '{"manifests":[]}')).status, 201)
  assert.deepEqual(push.session.pushed, [layer])
  push.sink.kept.clear()
  assert.equal(await manifest([digest], [layer]), 400)
})

test('a blob that comes whole in the last request, as the containerd image store sends it, is taken', async () => {
  await using push = await fixture()
  const begun = await push.ask('POST', '/v2/repo/blobs/uploads/')
  const done = await push.ask('PUT', `${begun.headers.get('location')}?digest=${digest}`, gzip)
  assert.equal(done.status, 201)
  assert.ok(push.sink.has(layer))
})

test('a sink that fails ends the push with its own reason', async () => {
  const full = new Error('no space left on device')
  const sink = {
    ...memory(),
    async add(stream: Readable): Promise<string> {
      await buffer(stream)
      throw full
    },
  }
  await using push = await fixture({ sink })
  assert.equal((await push.upload(gzip)).status, 400)
  assert.equal(push.session.failed.reason, full)
})

test('port and digests survive a restart; a file that cannot be read costs only them', async () => {
  const file = join(folder, 'sent.json')
  const sink = memory()
  let port: number
  {
    await using push = await fixture({ sink, sent: new SentBlobs(file) })
    port = push.port
    await push.upload(gzip)
    push.registry.end(push.session)
  }
  {
    await using push = await fixture({ sink, sent: new SentBlobs(file) })
    assert.equal(push.port, port)
    assert.equal((await push.ask('HEAD', `/v2/repo/blobs/${digest}`)).status, 200)
    // While that one listens another cannot have its port.
    await using second = await fixture({ sent: new SentBlobs(file) })
    assert.notEqual(second.port, port)
  }
  for (const text of ['{"port": 80', 'null', '[]', '{"port":"x","blobs":{"a":1}}']) {
    writeFileSync(file, text)
    await using push = await fixture({ sink, sent: new SentBlobs(file) })
    assert.equal((await push.ask('HEAD', `/v2/repo/blobs/${digest}`)).status, 404, text)
  }
})
