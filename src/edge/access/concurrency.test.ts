import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Problem } from '../../problem.ts'
import type { Wire } from '../fixture.ts'
import { dial, get, rawApp } from '../fixture.ts'
import { gist, guarded } from './fixture.ts'

/** An app that answers when a test says so; each request has a connection. */
async function slowApp(t: TestContext) {
  const wires: Wire[] = []
  const watchers = new Set<() => void>()
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wires.push(wire)
    for (const watcher of watchers) watcher()
  })
  /** Resolves once the app has had that many requests. */
  const had = async (count: number) => {
    while (wires.length < count) await new Promise<void>(resolve => watchers.add(resolve))
  }
  const answer = (n: number) =>
    wires[n]?.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
  const paths = () => wires.map(({ received }) => received.split(' ')[1])
  return { upstream, wires, had, answer, paths }
}

const ask = async (t: TestContext, port: number, path: string, ...headers: string[]) =>
  (await dial(t, port)).write(get(path, ...headers))

test('an app gets so many requests at a time, and the others in the order of their coming', async t => {
  const app = await slowApp(t)
  const { port } = await guarded(t, { concurrency: 2 }, app.upstream)
  const visitors: Wire[] = []
  for (const [n, path] of ['/1', '/2', '/3', '/4'].entries()) {
    visitors.push(await ask(t, port, path))
    if (n < 2) await app.had(n + 1)
    else await settledAt(port, t)
  }
  assert.deepEqual(app.paths(), ['/1', '/2'])
  app.answer(1)
  await app.had(3)
  app.answer(0)
  await app.had(4)
  assert.deepEqual(app.paths(), ['/1', '/2', '/3', '/4'])
  app.answer(2)
  app.answer(3)
  for (const visitor of visitors) await visitor.until('ok')
})

test('who leaves the queue loses the place, and who leaves the app makes room', async t => {
  const app = await slowApp(t)
  const { port } = await guarded(t, { concurrency: 1 }, app.upstream)
  const first = await ask(t, port, '/1')
  await app.had(1)
  const second = await ask(t, port, '/2')
  await settledAt(port, t)
  const third = await ask(t, port, '/3')
  await settledAt(port, t)
  second.socket.destroy()
  await settledAt(port, t)
  first.socket.destroy()
  await app.had(2)
  assert.deepEqual(app.paths(), ['/1', '/3'])
  app.answer(1)
  await third.until('ok')
})

test('a full queue is told at once, and so is who waits for too long', async t => {
  const app = await slowApp(t)
  let now = 1000
  const rules = { concurrency: 1, queue: 1, queueTimeout: 5000 }
  const { port, records } = await guarded(t, rules, app.upstream, { clock: { now: () => now } })
  const first = await ask(t, port, '/1')
  await app.had(1)
  const second = await ask(t, port, '/2')
  await settledAt(port, t)
  const third = await ask(t, port, '/3')
  const refused = await third.until('\r\n\r\n')
  assert.equal(gist(refused), '503 app_busy')
  assert.match(refused, /\r\nRetry-After: 1\r\n/)
  now += 5000
  assert.equal(gist(await second.until('\r\n\r\n')), '503 turn_timeout')
  app.answer(0)
  await first.until('ok')
  assert.deepEqual(
    records.map(({ path, status, code }) => ({ path, status, code })).filter(({ path }) => path !== '/none'),
    [
      { path: '/3', status: 503, code: 'app_busy' },
      { path: '/2', status: 503, code: 'turn_timeout' },
      { path: '/1', status: 200, code: undefined },
    ],
  )
})

test('a turn is held during the wake, and given on when that fails', async t => {
  const { app, port } = await guarded(t, { concurrency: 1 }, undefined)
  const first = await ask(t, port, '/1')
  await app.until(({ waiting }) => waiting.size === 1)
  const second = await ask(t, port, '/2')
  await settledAt(port, t)
  assert.equal(app.waiting.size, 1)
  app.refuse(new Problem({ code: 'wake_timeout', status: 504, detail: 'hush' }))
  await first.until('wake_timeout')
  await app.until(({ waiting }) => waiting.size === 1)
  const slow = await slowApp(t)
  app.wakeUp(slow.upstream)
  await slow.had(1)
  slow.answer(0)
  await second.until('ok')
})

test('a tunnel has its turn until it ends', async t => {
  const app = await slowApp(t)
  const { port } = await guarded(t, { concurrency: 1 }, app.upstream)
  const tunnel = await ask(t, port, '/1', 'Connection: Upgrade', 'Upgrade: echo')
  await app.had(1)
  app.wires[0]?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  await tunnel.until('101')
  const waiting = await ask(t, port, '/2')
  await settledAt(port, t)
  assert.equal(app.wires.length, 1)
  tunnel.socket.end()
  app.wires[0]?.socket.end()
  await app.had(2)
  app.answer(1)
  await waiting.until('ok')
})

test('an upgrade waits for its turn like any request', async t => {
  const app = await slowApp(t)
  const { port } = await guarded(t, { concurrency: 1 }, app.upstream)
  const first = await ask(t, port, '/1')
  await app.had(1)
  const upgrade = await ask(t, port, '/2', 'Connection: Upgrade', 'Upgrade: echo')
  await settledAt(port, t)
  app.answer(0)
  await first.until('ok')
  await app.had(2)
  app.wires[1]?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  await upgrade.until('101')
  upgrade.socket.destroy()
})

test('who waits gets in as soon as the limit is raised or gone', async t => {
  const app = await slowApp(t)
  const { port, rule } = await guarded(t, { concurrency: 1 }, app.upstream)
  const visitors: Wire[] = []
  for (const path of ['/1', '/2', '/3']) {
    visitors.push(await ask(t, port, path))
    await settledAt(port, t)
  }
  await app.had(1)
  rule({ concurrency: 2 })
  await app.had(2)
  rule(undefined)
  await app.had(3)
  for (const n of [0, 1, 2]) app.answer(n)
  for (const visitor of visitors) await visitor.until('ok')
})

test('who may no longer come when their turn does is refused, and the next one has it', async t => {
  const app = await slowApp(t)
  const { visit, port, rule } = await guarded(t, { concurrency: 1 }, app.upstream)
  const first = await visit('10.0.0.1')
  await app.had(1)
  const stranger = await visit('192.0.2.1')
  await settledAt(port, t)
  const friend = await visit('10.0.0.2')
  await settledAt(port, t)
  rule({ concurrency: 1, deny: ['192.0.2.0/24'] })
  app.answer(0)
  await first.end()
  assert.equal(gist(await stranger.end()), '403 address_denied')
  await app.had(2)
  app.answer(1)
  assert.equal(gist(await friend.end()), '200')
})

test('what a sleeping app ignores is answered at once, however many wait for it to wake', async t => {
  const { app, port } = await guarded(t, { concurrency: 1, queue: 0 }, undefined)
  app.rules = { access: { concurrency: 1, queue: 0 }, ignore: { paths: ['/health'] } }
  const held = await ask(t, port, '/')
  await app.until(({ waiting }) => waiting.size === 1)
  const monitor = await ask(t, port, '/health', 'Connection: close')
  assert.match(await monitor.end(), /^HTTP\/1\.1 200 OK\r\n(.*\r\n)*X-Dormice-Ignored: asleep\r\n/)
  held.socket.destroy()
})

/** Resolves once the edge has seen everything that was sent to it or closed before. */
async function settledAt(port: number, t: TestContext): Promise<void> {
  const probe = (await dial(t, port)).write(
    'GET / HTTP/1.1\r\nHost: none.localhost\r\nConnection: close\r\n\r\n',
  )
  await probe.end()
}
