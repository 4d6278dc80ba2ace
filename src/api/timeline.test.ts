import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { unknownApp } from '../apps/problems.ts'
import { readConfig } from '../config.ts'
import { type Log, silent } from '../log.ts'
import { appExists, unknownSnapshot } from '../snapshots/problems.ts'
import type { Timeline } from '../snapshots/timeline.ts'
import type { App, Snapshot } from '../store/records.ts'
import { createApi } from './api.ts'
import type { Services } from './services.ts'

const notes: App = {
  name: 'notes',
  createdAt: 0,
  settings: {},
  generation: 3,
  release: 1,
  snapshot: 2,
  lastUsed: null,
  peakMemory: null,
  deletedAt: null,
}
const copy: App = { ...notes, name: 'copy', snapshot: null }
const snapshot = (number: number, more: Partial<Snapshot> = {}): Snapshot => ({
  app: 'notes',
  number,
  release: 1,
  createdAt: Date.UTC(2026, 0, number),
  reason: 'idle',
  image: `dormice-x/notes:s${number}`,
  size: 1000,
  layers: 5,
  generation: 2,
  bytes: 10,
  pinned: false,
  source: null,
  changed: null,
  ...more,
})

type Answer = { status: number; type: string; text: string; json: Record<string, unknown> }
type Sent = { body?: string | Readable; headers?: Record<string, string>; broken?: true }

/** The API over a timeline of which a test says what it does; calls are kept. */
async function serve(timeline: Partial<Timeline>, log: Log = silent) {
  const apps = new Map([notes, copy].map(app => [app.name, app]))
  const store = {
    tokenName: (token: string) => (token === 't' ? 'admin' : undefined),
    app: (name: string) => apps.get(name),
    snapshots: () => [snapshot(1, { changed: { added: 3, changed: 0, deleted: 1 } }), snapshot(2)],
    launch: () => undefined,
    overruns: {
      of: () => [{ app: 'notes', kind: 'killed', limit: 64, at: 0, until: 1_000, times: 2 }],
      last: () => undefined,
    },
  }
  const get = (name: string) => {
    if (!apps.has(name)) throw unknownApp(name)
    return { name, state: 'asleep', load: { leases: 0, waiting: 0 }, resources: { memory: {} } }
  }
  const context = {
    store,
    log,
    config: readConfig({}, { data: '/nowhere' }),
    url: (app: string) => `http://${app}.localhost`,
  }
  const services = { context, apps: { get }, deployer: {}, timeline, version: '1' }
  const server = createServer(createApi(services as unknown as Services)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const disconnected = new Promise<void>(resolve =>
    server.on('connection', socket => socket.on('close', () => resolve())),
  )
  const send = (method: string, path: string, { body, headers }: Sent = {}) => {
    const sent = request({ port, method, path, headers: { authorization: 'Bearer t', ...headers } })
    if (body instanceof Readable) body.pipe(sent)
    else sent.end(body)
    return sent
  }
  const ask = async (method: string, path: string, sent: Sent = {}): Promise<Answer> => {
    const [response] = await once(send(method, path, sent), 'response')
    const type = response.headers['content-type'] ?? ''
    const text = (await buffer(response)).toString()
    return { status: response.statusCode, type, text, json: /json/.test(type) ? JSON.parse(text) : {} }
  }
  return {
    send,
    ask,
    /** Resolves once the first client has left. */
    disconnected: () => disconnected,
    json: (method: string, path: string, body: unknown) =>
      ask(method, path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

test('snapshots are listed with what they changed, which is current, and nothing of the inside', async () => {
  await using api = await serve({})
  const { status, json } = await api.ask('GET', '/v1/apps/notes/snapshots')
  assert.equal(status, 200)
  const [first, second] = json['snapshots'] as Record<string, unknown>[]
  assert.deepEqual(first, {
    app: 'notes',
    number: 1,
    current: false,
    release: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    reason: 'idle',
    image: 'dormice-x/notes:s1',
    size: 1000,
    layers: 5,
    bytes: 10,
    pinned: false,
    source: null,
    changed: { added: 3, changed: 0, deleted: 1 },
  })
  assert.deepEqual([second?.['current'], second?.['changed']], [true, null])
  assert.deepEqual(json['overruns'], [
    {
      kind: 'killed',
      limit: 64,
      at: '1970-01-01T00:00:00.000Z',
      until: '1970-01-01T00:00:01.000Z',
      times: 2,
    },
  ])
})

test('taking a snapshot says whether one was taken', async () => {
  const answers = [
    { taken: true, snapshot: snapshot(3) },
    { taken: false, snapshot: snapshot(3) },
    { taken: false, snapshot: undefined },
  ]
  await using api = await serve({ take: async () => answers.shift()! })
  const post = async () => {
    const { status, json } = await api.ask('POST', '/v1/apps/notes/snapshots')
    return [status, json['taken'], (json['snapshot'] as Snapshot | null)?.number]
  }
  assert.deepEqual(await post(), [201, true, 3])
  assert.deepEqual(await post(), [200, false, 3])
  assert.deepEqual(await post(), [200, false, undefined])
})

test('a snapshot is pinned, its changes are listed, it is deleted; each by its number', async () => {
  const forgotten: number[] = []
  const changes = {
    changes: [{ path: '/app/notes.txt', kind: 'added' as const }],
    total: { added: 2, changed: 0, deleted: 0 },
    truncated: true,
  }
  await using api = await serve({
    pin: (_, number, pinned) => snapshot(number, { pinned }),
    changes: async () => changes,
    forget: async (app, number) => {
      if (number > 2) throw unknownSnapshot(app, number)
      forgotten.push(number)
    },
  })
  const pinned = await api.json('PATCH', '/v1/apps/notes/snapshots/1', { pinned: true })
  assert.deepEqual([pinned.status, pinned.json['pinned'], pinned.json['number']], [200, true, 1])
  assert.deepEqual((await api.ask('GET', '/v1/apps/notes/snapshots/1/changes')).json, changes)
  const { status, text } = await api.ask('DELETE', '/v1/apps/notes/snapshots/1')
  assert.deepEqual([status, text, forgotten], [204, '', [1]])
  const gone = await api.ask('DELETE', '/v1/apps/notes/snapshots/9')
  assert.deepEqual([gone.status, gone.json['code']], [404, 'unknown_snapshot'])
  for (const wrong of ['s1', '0', '-1', '1.5', '9999999999', '%20']) {
    const { status, json } = await api.ask('DELETE', `/v1/apps/notes/snapshots/${wrong}`)
    assert.deepEqual([status, json['code']], [400, 'invalid_request'], wrong)
  }
})

test('a rollback goes to a snapshot or to a release, and to nothing else', async () => {
  const went: unknown[] = []
  await using api = await serve({ rollback: async (app, to) => void went.push([app, to]) })
  const { status, json } = await api.json('POST', '/v1/apps/notes/rollback', { snapshot: 1 })
  assert.deepEqual([status, json['name']], [200, 'notes'])
  await api.json('POST', '/v1/apps/notes/rollback', { release: 4 })
  assert.deepEqual(went, [
    ['notes', { snapshot: 1 }],
    ['notes', { release: 4 }],
  ])
  const wrong = [
    {},
    { snapshot: 1, release: 1 },
    { snapshot: '1' },
    { release: 0 },
    { release: 1, x: 1 },
    [],
    null,
  ]
  for (const body of wrong) {
    const { status, json } = await api.json('POST', '/v1/apps/notes/rollback', body)
    assert.deepEqual([status, json['code']], [400, 'invalid_request'], JSON.stringify(body))
    assert.match(String(json['detail']), /the body is either \{"snapshot": N\} or \{"release": N\}$/)
  }
  const headers = { 'content-type': 'application/json' }
  assert.equal((await api.ask('POST', '/v1/apps/notes/rollback', { body: '{', headers })).status, 400)
  assert.equal((await api.ask('POST', '/v1/apps/notes/rollback', { body: '{}' })).status, 415)
  assert.equal((await api.json('POST', '/v1/apps/nope/rollback', { release: 1 })).status, 404)
  const long = await api.json('POST', '/v1/apps/notes/rollback', { x: 'x'.repeat(300_000) })
  assert.deepEqual([long.status, long.json['code']], [413, 'body_too_large'])
  assert.equal(went.length, 2)
})

test('a fork answers with the new app', async () => {
  const asked: unknown[] = []
  await using api = await serve({
    fork: async (...args) => {
      asked.push(args)
      if (args[1] === 'notes') throw appExists('notes')
    },
  })
  const { status, json } = await api.json('POST', '/v1/apps/notes/fork', { name: 'copy' })
  assert.deepEqual([status, json['name'], json['url']], [201, 'copy', 'http://copy.localhost'])
  await api.json('POST', '/v1/apps/notes/fork', { name: 'copy', snapshot: 1 })
  const taken = await api.json('POST', '/v1/apps/notes/fork', { name: 'notes' })
  assert.deepEqual([taken.status, taken.json['code']], [409, 'app_exists'])
  assert.deepEqual(asked, [
    ['notes', 'copy', undefined],
    ['notes', 'copy', 1],
    ['notes', 'notes', undefined],
  ])
  assert.match(
    String((await api.json('POST', '/v1/apps/notes/fork', {})).json['detail']),
    /the body is \{"name"/,
  )
})

test('a restore says what is back and what is missing', async () => {
  await using api = await serve({ restore: async () => ({ restored: ['a'], missing: ['b'] }) })
  const { status, json } = await api.ask('POST', '/v1/apps/notes/restore')
  assert.deepEqual([status, json], [200, { restored: ['a'], missing: ['b'] }])
})

test('an export is a file of the app’s name', async () => {
  await using api = await serve({
    export: async () => Readable.from([Buffer.from('one'), Buffer.from('two')]),
  })
  const sent = api.send('GET', '/v1/apps/notes/export')
  const [response] = await once(sent, 'response')
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['content-type'], 'application/x-tar')
  assert.equal(response.headers['content-disposition'], 'attachment; filename="notes.tar"')
  assert.equal((await buffer(response)).toString(), 'onetwo')
})

test('an export that fails before its first byte is a problem', async () => {
  const failing = new Readable({ read() {} })
  await using api = await serve({
    export: async name => {
      if (name === 'copy') throw unknownSnapshot('copy', 1)
      setImmediate(() => failing.destroy(new Error('the disk is gone')))
      return failing
    },
  })
  const refused = await api.ask('GET', '/v1/apps/copy/export')
  assert.deepEqual([refused.status, refused.json['code']], [404, 'unknown_snapshot'])
  const failed = await api.ask('GET', '/v1/apps/notes/export')
  assert.deepEqual([failed.status, failed.json['code']], [500, 'internal'])
  assert.equal(failed.type, 'application/problem+json')
})

test('an export that fails on its way cuts the connection', async () => {
  const tar = new PassThrough()
  await using api = await serve({ export: async () => tar })
  tar.write('one')
  const [response] = await once(api.send('GET', '/v1/apps/notes/export'), 'response')
  await once(response, 'data')
  tar.destroy(new Error('the disk is gone'))
  await assert.rejects(buffer(response), { code: 'ECONNRESET' })
})

test('a client that leaves ends the export', async () => {
  const tar = new PassThrough()
  await using api = await serve({ export: async () => tar })
  tar.write('one')
  const sent = api.send('GET', '/v1/apps/notes/export')
  sent.on('error', () => {})
  const [response] = await once(sent, 'response')
  await once(response, 'data')
  const closed = new Promise(resolve => tar.on('close', resolve))
  sent.destroy()
  await closed
})

test('a client that leaves before there is a first byte ends the export, and no log tells of it', async () => {
  const tar = new PassThrough()
  const asked = Promise.withResolvers<void>()
  const warned: string[] = []
  await using api = await serve(
    {
      export: async () => {
        asked.resolve()
        return tar
      },
    },
    { ...silent, warn: event => warned.push(event) },
  )
  const sent = api.send('GET', '/v1/apps/notes/export')
  sent.on('error', () => {})
  await asked.promise
  const closed = new Promise(resolve => tar.on('close', resolve))
  sent.destroy()
  await api.disconnected()
  tar.write('too late')
  await closed
  assert.deepEqual(warned, [])
})

test('HEAD of an export makes none', async () => {
  let made = 0
  await using api = await serve({
    export: async () => {
      made++
      return Readable.from(['x'])
    },
  })
  const { status, type } = await api.ask('HEAD', '/v1/apps/notes/export')
  assert.deepEqual([status, type, made], [200, 'application/x-tar', 0])
})

test('an import is read as it comes, whatever its length, and answers with the app', async () => {
  let read = Buffer.alloc(0)
  await using api = await serve({
    import: async (_, tar) => {
      read = await buffer(tar)
    },
  })
  const parts = Array.from({ length: 40 }, () => Buffer.alloc(64 * 1024, 'x'))
  const body = Readable.from(parts)
  const { status, json } = await api.ask('POST', '/v1/apps/copy/import', {
    body,
    headers: { 'content-type': 'application/x-tar' },
  })
  assert.deepEqual([status, json['name'], read.length], [201, 'copy', 40 * 64 * 1024])
})

test('an import that is refused before its body was read is answered', async () => {
  await using api = await serve({
    import: async name => {
      throw appExists(name)
    },
  })
  const { status, json } = await api.ask('POST', '/v1/apps/notes/import', {
    body: 'x'.repeat(100_000),
    headers: { 'content-type': 'application/x-tar' },
  })
  assert.deepEqual([status, json['code']], [409, 'app_exists'])
})

test('a client that leaves ends the import', async () => {
  const ended = Promise.withResolvers<unknown>()
  const begun = Promise.withResolvers<void>()
  await using api = await serve({
    import: (_, tar, signal) => {
      tar.on('error', () => {}).resume()
      begun.resolve()
      signal.addEventListener('abort', () => ended.resolve(signal.reason))
      return ended.promise.then(reason => {
        throw reason
      })
    },
  })
  const sent = api.send('POST', '/v1/apps/copy/import', { body: new PassThrough() })
  sent.on('error', () => {})
  sent.flushHeaders()
  await begun.promise
  sent.destroy()
  assert.match(String(await ended.promise), /the client left/)
})

test('the calls of the timeline are in the API’s own description', async () => {
  await using api = await serve({})
  const { json } = await api.ask('GET', '/v1/openapi.json')
  const paths = Object.entries(json['paths'] as object).flatMap(([path, calls]) =>
    Object.keys(calls).map(method => `${method} ${path.replace('/v1/apps/{app}/', '')}`),
  )
  const wanted =
    'get snapshots,post snapshots,patch snapshots/{n},delete snapshots/{n},get snapshots/{n}/changes,post rollback,post fork,post restore,get export,post import'
  for (const call of wanted.split(',')) assert.ok(paths.includes(call), call)
})
