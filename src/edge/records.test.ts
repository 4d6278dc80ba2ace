import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { silent } from '../log.ts'
import { Networks, parseNetwork } from '../networks.ts'
import { Problem } from '../problem.ts'
import type { AccessRecord } from './context.ts'
import { cannedApp, dial, get, httpApp, rawApp, stage } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** The one record that there is. */
function only(records: AccessRecord[]): AccessRecord {
  assert.equal(records.length, 1)
  return records[0]!
}

test('one record a request: who asked what of which app, and what came of it, without the query', async t => {
  const upstream = await httpApp(t, async (req, res) => {
    for await (const _ of req);
    res.writeHead(201).end('hello')
  })
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(
    'POST /a/b?token=hush HTTP/1.1\r\nHost: app.localhost\r\nX-Request-Id: r1\r\nContent-Length: 2\r\n\r\nxx',
  )
  await visitor.until('hello')
  await app.idle()
  const { ms, upstreamMs, ...record } = only(records)
  assert.ok(upstreamMs! > 0 && upstreamMs! <= ms && ms < 10_000)
  assert.deepEqual(record, {
    app: 'app',
    method: 'POST',
    path: '/a/b',
    requestId: 'r1',
    protocol: '1.1',
    visitor: '127.0.0.1',
    status: 201,
    code: undefined,
    received: 2,
    sent: 5,
    wake: 'none',
    wakeMs: undefined,
    first: false,
    aborted: undefined,
  })
})

test('bodies are counted without their chunks’ frames, both ways', async t => {
  const upstream = await httpApp(t, async (req, res) => {
    for await (const _ of req);
    res.write('one')
    res.end('three')
  })
  for (const trailer of ['', 'Trailer: X-Sum\r\n']) {
    const { port, app, records } = await stage(t, upstream)
    const visitor = await dial(t, port)
    visitor.write(
      `POST / HTTP/1.1\r\nHost: app.localhost\r\n${trailer}Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n2\r\nxx\r\n0\r\n\r\n`,
    )
    await visitor.until('0\r\n\r\n')
    await app.idle()
    const { received, sent } = only(records)
    assert.deepEqual({ received, sent }, { received: 6, sent: 8 })
  }
})

test('every request that waited for a wake says how long and for which kind, the first one that it was first', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { app, port, records } = await stage(t, undefined)
  const visitors = await Promise.all([dial(t, port), dial(t, port)])
  for (const visitor of visitors) visitor.write(get())
  await app.until(({ waiting }) => waiting.size === 2)
  app.wakeUp(upstream, { kind: 'frozen', ms: 9 })
  for (const visitor of visitors) await visitor.until('ok')
  const [late] = visitors
  late!.received = ''
  await late!.write(get()).until('ok')
  await app.idle()
  assert.deepEqual(
    records.map(({ wake, first }) => ({ wake, first })),
    [
      { wake: 'frozen', first: true },
      { wake: 'frozen', first: false },
      { wake: 'none', first: false },
    ],
  )
  const [first, second, third] = records
  for (const { wakeMs, upstreamMs, ms } of [first!, second!]) {
    assert.ok(wakeMs! > 0 && wakeMs! + upstreamMs! <= ms)
  }
  assert.equal(third!.wakeMs, undefined)
})

test('a request that a deploy made wait was held for a cold start', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { app, port, records } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get())
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(upstream)
  await visitor.until('ok')
  await app.idle()
  const { wake, first } = only(records)
  assert.deepEqual({ wake, first }, { wake: 'cold', first: false })
})

test('a request that was held in vain says how long, and the code of the answer that it got', async t => {
  const { app, port, records } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get('/', 'Connection: close'))
  await app.until(({ waiting }) => waiting.size === 1)
  app.refuse(new Problem({ code: 'wake_timeout', status: 504, detail: 'hush' }))
  const answer = await visitor.end()
  const { status, code, wake, wakeMs, upstreamMs, sent, ms, requestId } = only(records)
  assert.deepEqual(
    { status, code, wake, upstreamMs },
    { status: 504, code: 'wake_timeout', wake: 'none', upstreamMs: undefined },
  )
  assert.equal(sent, answer.split('\r\n\r\n')[1]!.length)
  assert.ok(wakeMs! > 0 && wakeMs! <= ms)
  assert.match(requestId, /^[0-9a-f]{12}-[0-9a-z]+$/)
})

test('a visitor who left while held has an address, and nothing was answered', async t => {
  const { app, port, records } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get())
  await app.until(({ waiting }) => waiting.size === 1)
  visitor.socket.destroy()
  await app.idle()
  const { visitor: address, status, code, aborted, wakeMs } = only(records)
  assert.deepEqual(
    { address, status, code, aborted },
    { address: '127.0.0.1', status: 0, code: undefined, aborted: 'visitor' },
  )
  assert.ok(wakeMs! > 0)
})

test('what the app answered and what the edge answered for it are told apart', async t => {
  const { upstream } = await cannedApp(t, 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
  const mute = await rawApp(t, wire => wire.until('\r\n\r\n').then(() => wire.socket.destroy()))
  const codes = await Promise.all(
    [upstream, mute].map(async upstream => {
      const { port, records } = await stage(t, upstream)
      const visitor = await dial(t, port)
      await visitor.write(get('/', 'Connection: close')).end()
      const { status, code } = only(records)
      return [status, code]
    }),
  )
  assert.deepEqual(codes, [
    [502, undefined],
    [502, 'app_broken_answer'],
  ])
})

test('behind a trusted proxy the visitor is who that says it is', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { port, app, records } = await stage(t, upstream, {
    trust: new Networks([parseNetwork('127.0.0.1')!]),
  })
  const visitor = await dial(t, port)
  await visitor.write(get('/', 'X-Forwarded-For: 6.6.6.6, 203.0.113.7')).until('ok')
  await app.idle()
  assert.equal(only(records).visitor, '203.0.113.7')
})

test('what went through a tunnel is counted both ways, the heads of the upgrade are not', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nwelcome')
    await wire.until('three')
    wire.socket.end('bye')
  })
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(`${get('/', 'Connection: Upgrade', 'Upgrade: x')}one`)
  await visitor.until('welcome')
  visitor.write('three')
  await visitor.until('bye')
  visitor.socket.end()
  await once(visitor.socket, 'close')
  await app.idle()
  const { status, received, sent, upstreamMs } = only(records)
  assert.deepEqual({ status, received, sent }, { status: 101, received: 8, sent: 10 })
  assert.ok(upstreamMs! > 0)
})

test('a request for no app leaves no record; the code of its answer is counted', async t => {
  const codes: string[] = []
  const { port } = await stage(t, undefined, {
    log: { ...silent, access: () => assert.fail(), unrouted: code => codes.push(code) },
  })
  for (const head of ['Host: nobody.localhost', 'Host: localhost', 'Host: a\r\nHost: b']) {
    await (await dial(t, port)).write(`GET / HTTP/1.1\r\n${head}\r\nConnection: close\r\n\r\n`).end()
  }
  assert.deepEqual(codes, ['unknown_host', 'unknown_host', 'bad_request'])
})
