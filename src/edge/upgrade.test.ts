import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import type { Upstream } from '../apps/lease.ts'
import { Problem } from '../problem.ts'
import type { Wire } from './fixture.ts'
import { dial, get, rawApp, stage } from './fixture.ts'

/** An app that sends every message back. */
async function echoApp(
  t: TestContext,
  options: ConstructorParameters<typeof WebSocketServer>[0] = {},
): Promise<Upstream> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options })
  server.on('connection', (socket, req) => {
    socket.on('message', (data, isBinary) => {
      if (String(data) === 'headers') socket.send(JSON.stringify(req.headers))
      else if (String(data) === 'bye') socket.close(4001, 'as you wish')
      else socket.send(data, { binary: isBinary })
    })
  })
  await once(server, 'listening')
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

function socketTo(t: TestContext, port: number, options: WebSocket.ClientOptions = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?room=1`, 'one', {
    ...options,
    headers: { host: 'app.localhost', ...options.headers },
  })
  t.after(() => socket.terminate())
  return socket
}

async function answerTo(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, 'message')
  socket.send(message)
  return (await answer)[0]
}

const UPGRADE = get('/', 'Connection: keep-alive, Upgrade', 'Upgrade: echo/1')
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n'

/** An app that agrees to any upgrade, and hands the connection to a test. */
async function agreeingApp(t: TestContext): Promise<{ upstream: Upstream; joined: Promise<Wire> }> {
  const joined = Promise.withResolvers<Wire>()
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write(SWITCHING)
    joined.resolve(wire)
  })
  return { upstream, joined: joined.promise }
}

test('a WebSocket passes text and binary, and holds its lease until it is closed', async t => {
  const { port, app, records } = await stage(t, await echoApp(t))
  const socket = socketTo(t, port)
  await once(socket, 'open')
  assert.equal(String(await answerTo(socket, 'hello')), 'hello')
  const bytes = randomBytes(300)
  assert.deepEqual(await answerTo(socket, bytes), bytes)
  assert.equal(app.out, 1)
  socket.close(1000)
  await once(socket, 'close')
  await app.idle()
  assert.deepEqual(
    records.map(({ path, status, aborted }) => ({ path, status, aborted })),
    [{ path: '/chat', status: 101, aborted: undefined }],
  )
  assert.ok(records[0]!.sent > 300)
})

test('an upgraded request gets the same headers as any other', async t => {
  const { port } = await stage(t, await echoApp(t))
  const socket = socketTo(t, port, { headers: { 'X-Forwarded-For': '10.0.0.1', 'X-Request-Id': 'r1' } })
  await once(socket, 'open')
  const headers = JSON.parse(String(await answerTo(socket, 'headers')))
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(headers['x-request-id'], 'r1')
  assert.equal(headers.host, 'app.localhost')
  assert.equal(headers.connection, 'Upgrade')
  assert.equal(headers.upgrade, 'websocket')
})

test('a message of 64 MiB comes back byte for byte', async t => {
  const { port } = await stage(t, await echoApp(t, { maxPayload: 0 }))
  const socket = socketTo(t, port, { maxPayload: 0, perMessageDeflate: false })
  await once(socket, 'open')
  const large = Buffer.alloc(64 * 1024 * 1024, randomBytes(1021))
  assert.ok(large.equals(await answerTo(socket, large)))
})

test('compression agreed between visitor and app works', async t => {
  const { port } = await stage(t, await echoApp(t, { perMessageDeflate: true }))
  const socket = socketTo(t, port, { perMessageDeflate: true })
  await once(socket, 'open')
  assert.match(socket.extensions, /permessage-deflate/)
  const text = 'again '.repeat(10_000)
  assert.equal(String(await answerTo(socket, text)), text)
})

test('close codes and reasons come through from the app', async t => {
  const { port, app } = await stage(t, await echoApp(t))
  const socket = socketTo(t, port)
  await once(socket, 'open')
  socket.send('bye')
  const [code, reason] = await once(socket, 'close')
  assert.deepEqual([code, String(reason)], [4001, 'as you wish'])
  await app.idle()
})

test('an upgrade is held while its app wakes, and told of the wake', async t => {
  const upstream = await echoApp(t)
  const { port, app } = await stage(t, undefined)
  const socket = socketTo(t, port)
  const upgraded = once(socket, 'upgrade')
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(upstream, { kind: 'frozen', ms: 9 })
  const [answer] = await upgraded
  assert.equal(answer.headers['server-timing'], 'wake;desc=frozen;dur=9')
  assert.equal(JSON.parse(String(await answerTo(socket, 'headers')))['x-dormice-wake'], 'frozen;dur=9')
})

for (const [how, leave] of [
  ['resets', (wire: Wire) => wire.socket.resetAndDestroy()],
  ['ends', (wire: Wire) => wire.socket.end()],
] as const) {
  test(`a visitor who ${how} while an upgrade is held frees the place`, async t => {
    const { port, app } = await stage(t, undefined)
    const visitor = await dial(t, port)
    visitor.write(UPGRADE)
    await app.until(({ waiting }) => waiting.size === 1)
    leave(visitor)
    await app.until(({ waiting }) => waiting.size === 0)
  })
}

test('a held upgrade whose wake fails is answered', async t => {
  const { port, app } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  await app.until(({ waiting }) => waiting.size === 1)
  app.refuse(new Problem({ code: 'queue_full', status: 503, detail: 'x', retryAfter: 2 }))
  assert.match(
    await visitor.end(),
    /^HTTP\/1\.1 503 .*X-Dormice-Error: queue_full\r\n.*Connection: close\r\n/s,
  )
})

test('what either side sends together with its head is not lost', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write(`${SWITCHING}app first;`)
    await wire.until('visitor first;')
    wire.socket.end('app last')
  })
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  const received = await visitor.write(`${UPGRADE}visitor first;`).end()
  assert.equal(received, `${SWITCHING}app first;app last`)
})

test('a side that ends may still be sent to', async t => {
  const { upstream, joined } = await agreeingApp(t)
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  await visitor.until(SWITCHING)
  const wire = await joined
  visitor.socket.end('question')
  assert.match(await wire.end(), /question$/)
  assert.equal(app.out, 1)
})

test('an answer sent after the question has ended arrives', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write(SWITCHING)
    wire.socket.once('end', () => wire.socket.end('answer'))
  })
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  await visitor.until(SWITCHING)
  visitor.socket.end('question')
  assert.equal(await visitor.end(), `${SWITCHING}answer`)
  await app.idle()
  assert.equal(records[0]?.aborted, undefined)
})

for (const breaker of ['visitor', 'app'] as const) {
  test(`a tunnel that the ${breaker} resets is closed on both sides`, async t => {
    const { upstream, joined } = await agreeingApp(t)
    const { port, app, records } = await stage(t, upstream)
    const visitor = await dial(t, port)
    visitor.write(UPGRADE)
    await visitor.until(SWITCHING)
    const wire = await joined
    const [broken, other] = breaker === 'visitor' ? [visitor, wire] : [wire, visitor]
    broken.socket.resetAndDestroy()
    await other.end()
    await app.idle()
    assert.equal(records[0]?.aborted, breaker)
  })
}

test('a tunnel that only one side has ended is closed after a silence', async t => {
  const { upstream } = await agreeingApp(t)
  const { port, app } = await stage(t, upstream, { limits: { halfOpen: 50 } })
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  await visitor.until(SWITCHING)
  visitor.socket.end()
  await app.idle()
})

test('a revoked lease of a tunnel is back at once, and what the app says goodbye with arrives', async t => {
  const { upstream, joined } = await agreeingApp(t)
  const { edge, port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  await visitor.until(SWITCHING)
  app.revoke()
  assert.equal(app.out, 0)
  const wire = await joined
  wire.write('goodbye')
  await visitor.until('goodbye')
  await visitor.write('and you').socket.end()
  assert.match(await wire.end(), /and you$/)
  assert.match(await visitor.end(), /goodbye$/)
  await edge.close()
  assert.equal(records[0]?.aborted, undefined)
})

test('a tunnel whose app does not end it when told to stop is cut', async t => {
  const { upstream, joined } = await agreeingApp(t)
  const { edge, port, app, records } = await stage(t, upstream, { limits: { farewell: 50 } })
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  await visitor.until(SWITCHING)
  app.revoke()
  await Promise.all([visitor.end(), (await joined).end()])
  await edge.close()
  assert.equal(records[0]?.aborted, 'edge')
})

test('an app that agrees while it is told to stop still gets its tunnel', async t => {
  const { upstream, joined } = await agreeingApp(t)
  const { port, app } = await stage(t, upstream)
  const lease = app.lease.bind(app)
  app.lease = () => {
    const given = lease()
    return given && { ...given, upgraded: () => app.revoke() }
  }
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  ;(await joined).write('goodbye').socket.end()
  assert.equal(await visitor.end(), `${SWITCHING}goodbye`)
})

test('an answer other than 101 is relayed whole, however large', async t => {
  const body = 'x'.repeat(3_000_000)
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write(`HTTP/1.1 403 Not You\r\nX-Why: rules\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  })
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  const received = await visitor.write(UPGRADE).end()
  assert.match(received, /^HTTP\/1\.1 403 Not You\r\nX-Why: rules\r\nContent-Length: 3000000\r\n/)
  assert.match(received.slice(0, 300), /\r\nConnection: close\r\n/)
  assert.ok(received.endsWith(`\r\n\r\n${body}`))
  await app.idle()
  assert.deepEqual([records[0]?.status, records[0]?.sent], [403, body.length])
})

test('a refusal of the upgrade that the app cuts off is seen to be cut off', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nsome')
  })
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  assert.match(await visitor.write(UPGRADE).end(), /\r\n\r\nsome$/)
  await app.idle()
  assert.equal(records[0]?.aborted, 'app')
})

test('an app that accepts no connection is a 502 for an upgrade too', async t => {
  const gone = await rawApp(t, () => {})
  const { port, app } = await stage(t, { host: '127.0.0.2', port: gone.port })
  const visitor = await dial(t, port)
  assert.match(await visitor.write(UPGRADE).end(), /^HTTP\/1\.1 502 .*X-Dormice-Error: app_unreachable/s)
  assert.equal(app.taken, 2)
})

for (const [name, request] of [
  ['h2c', get('/', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk')],
  [
    'a POST',
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\nContent-Length: 2\r\n\r\nhi',
  ],
] as const) {
  test(`the wish of ${name} to upgrade is not passed on, the request is`, async t => {
    const wires: Wire[] = []
    const upstream = await rawApp(t, async wire => {
      wires.push(wire)
      await wire.until('\r\n\r\n')
      wire.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const { port } = await stage(t, upstream)
    const visitor = await dial(t, port)
    await visitor.write(request).until('\r\n\r\nok')
    assert.doesNotMatch(wires[0]!.received, /upgrade|http2-settings/i)
  })
}

test('an upgrade pipelined behind unanswered requests closes the connection', async t => {
  const { port, app } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get('/first') + get('/second') + UPGRADE)
  assert.equal(await visitor.end(), '')
  await app.until(({ waiting }) => waiting.size === 0)
})

test('a slow reader of a tunnel holds the sender back', async t => {
  const { upstream, joined } = await agreeingApp(t)
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(UPGRADE)
  await visitor.until(SWITCHING)
  visitor.socket.removeAllListeners('data')
  visitor.socket.pause()
  const { socket } = await joined
  const chunk = Buffer.alloc(1024 * 1024)
  let sent = 0
  while (socket.write(chunk) || (await drained(socket))) {
    sent += chunk.length
    assert.ok(sent < 64 * chunk.length, 'nothing held it back')
  }
  let got = 0
  visitor.socket.on('data', data => (got += data.length))
  visitor.socket.resume()
  socket.end()
  await once(visitor.socket, 'end')
  assert.equal(got, sent + chunk.length)
})

/** Whether the socket drains while the event loop turns many times over. */
async function drained(socket: Wire['socket']): Promise<boolean> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (!socket.writableNeedDrain) return true
    await new Promise(resolve => setImmediate(resolve))
  }
  return false
}
