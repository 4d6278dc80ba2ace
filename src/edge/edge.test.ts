import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { silent } from '../log.ts'
import type { Wire } from './fixture.ts'
import { cannedApp, dial, get, HandApp, httpApp, rawApp, stage } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function to(host: string, ...headers: string[]): string {
  return ['GET /x HTTP/1.1', `Host: ${host}`, 'Connection: close', ...headers, '', ''].join('\r\n')
}

test('the app is found by its name whatever the case, port and final dot of the host', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { port } = await stage(t, upstream)
  for (const host of ['app.localhost', 'APP.LocalHost:80', 'app.localhost.:8080']) {
    const visitor = await dial(t, port)
    assert.match(await visitor.write(to(host)).end(), /^HTTP\/1\.1 200 /, host)
  }
})

for (const host of [
  'nobody.localhost',
  'a.app.localhost',
  'app.localhost.evil.test',
  '127.0.0.1',
  '[::1]:80',
  'localhost',
]) {
  test(`the host ${host} is a 404 that names it and says what to do`, async t => {
    const { port, app } = await stage(t, undefined)
    const visitor = await dial(t, port)
    const received = await visitor.write(to(host)).end()
    assert.match(received, /^HTTP\/1\.1 404 .*\r\nX-Dormice-Error: unknown_host\r\n/s)
    const body = received.slice(received.indexOf('\r\n\r\n') + 4)
    assert.ok(
      body.includes(host) && body.includes('<app>.localhost') && body.trim().split('\n').length === 1,
      body,
    )
    assert.equal(app.taken + app.waiting.size, 0)
  })
}

test('a host that is none is refused and not shown on the page', async t => {
  const { port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  const received = await visitor.write(to(`<img/src=x>"'&.localhost`, 'Accept: text/html')).end()
  assert.match(received, /^HTTP\/1\.1 400 .*\r\nContent-Type: text\/html; charset=utf-8\r\n/s)
  assert.doesNotMatch(received, /img/)
})

test('OPTIONS * asks about the server and wakes nobody', async t => {
  const { port, app } = await stage(t, undefined)
  const visitor = await dial(t, port)
  const received = await visitor
    .write('OPTIONS * HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n')
    .end()
  assert.match(received, /^HTTP\/1\.1 200 /)
  assert.equal(app.taken + app.waiting.size, 0)
})

test('the control host goes to the control listener, bodies, their absence and expectations included', async t => {
  const api = new Hono()
  api.all('*', async c => c.text(`${c.req.method} ${new URL(c.req.url).pathname} [${await c.req.text()}]`))
  const control = getRequestListener(api.fetch, { overrideGlobalObjects: false })
  const { port } = await stage(t, undefined, { control })
  const requests: [string, string][] = [
    ['GET /v1/apps HTTP/1.1\r\nHost: dormice.localhost:8080\r\n\r\n', 'GET /v1/apps []'],
    ['POST /v1/apps/a/wake HTTP/1.1\r\nHost: dormice.localhost\r\n\r\n', 'POST /v1/apps/a/wake []'],
    [
      'POST /hooks/h HTTP/1.1\r\nHost: Dormice.localhost\r\nContent-Length: 2\r\n\r\nhi',
      'POST /hooks/h [hi]',
    ],
    ['GET http://dormice.localhost/a HTTP/1.1\r\nHost: dormice.localhost\r\n\r\n', 'GET /a []'],
  ]
  const visitor = await dial(t, port)
  for (const [request, answer] of requests) {
    visitor.received = ''
    await visitor.write(request).until(answer)
  }
  visitor.write(
    'PUT /up HTTP/1.1\r\nHost: dormice.localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
  )
  await visitor.until('HTTP/1.1 100 Continue\r\n\r\n')
  await visitor.write('hi').until('PUT /up [hi]')
  visitor.write(
    'GET /ws HTTP/1.1\r\nHost: dormice.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  assert.match(await visitor.end(), /GET \/ws \[\]$/)
})

test('closing lets an answer under way end, and takes no more requests', async t => {
  const begun = Promise.withResolvers<ServerResponse>()
  const upstream = await httpApp(t, (_, res) => {
    res.write('begun;')
    begun.resolve(res)
  })
  const { port, edge } = await stage(t, upstream)
  const idle = await dial(t, port)
  const visitor = await dial(t, port)
  await visitor.write(get()).until('begun;')
  const closed = edge.close({ drain: 60_000 })
  await idle.end()
  const late = await dial(t, port).catch((error: NodeJS.ErrnoException) => error.code)
  assert.equal(late, 'ECONNREFUSED')
  ;(await begun.promise).end('ended')
  assert.match(await visitor.end(), /ended\r\n0\r\n\r\n$/)
  await closed
  assert.equal(edge.address, undefined)
})

test('closing does not cut the end off an answer that its visitor is slow to read', async t => {
  const size = 24 * 1024 * 1024
  const upstream = await httpApp(t, (_, res) => res.end(Buffer.alloc(size)))
  const { port, edge, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.socket.removeAllListeners('data')
  visitor.socket.pause()
  visitor.write(get())
  await app.until(({ taken }) => taken === 1)
  const closed = edge.close({ drain: 60_000 })
  let got = 0
  visitor.socket.on('data', data => (got += data.length))
  visitor.socket.resume()
  await once(visitor.socket, 'end')
  visitor.socket.end()
  await closed
  assert.ok(got > size, String(got))
})

test('closing breaks off what is not over in time, held requests as well', async t => {
  const begun = Promise.withResolvers<void>()
  const upstream = await httpApp(t, (_, res) => {
    res.write('begun;')
    begun.resolve()
  })
  const { port, edge, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  await visitor.write(get('/running')).until('begun;')
  app.upstream = undefined
  const held = await dial(t, port)
  held.write(get('/held'))
  await app.until(({ waiting }) => waiting.size === 1)
  await edge.close({ drain: 20 })
  assert.deepEqual([app.out, app.waiting.size], [0, 0])
  assert.deepEqual(
    records.map(({ aborted }) => aborted),
    ['edge', 'edge'],
  )
})

test('closing tells the app of a tunnel that no more comes, and passes on its last words', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    wire.socket.once('end', () => wire.socket.end('last words'))
  })
  const { port, edge, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  await visitor.write(get('/', 'Connection: Upgrade', 'Upgrade: x')).until('101')
  const closed = edge.close({ drain: 60_000 })
  assert.match(await visitor.end(), /last words$/)
  await closed
  assert.equal(records[0]?.aborted, undefined)
})

test('draining lets answers end and tunnels go on, until closing ends those too', async t => {
  const begun = Promise.withResolvers<ServerResponse>()
  const wire = Promise.withResolvers<Wire>()
  const tunnelled = await rawApp(t, async app => {
    await app.until('\r\n\r\n')
    app.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    wire.resolve(app)
  })
  const answering = await httpApp(t, (_, res) => {
    res.write('begun;')
    begun.resolve(res)
  })
  const { port, edge, app } = await stage(t, tunnelled)
  const talker = await dial(t, port)
  await talker.write(get('/', 'Connection: Upgrade', 'Upgrade: x')).until('101')
  app.upstream = answering
  const visitor = await dial(t, port)
  await visitor.write(get()).until('begun;')
  const drained = edge.drain({ timeout: 60_000 })
  await assert.rejects(dial(t, port), { code: 'ECONNREFUSED' })
  ;(await begun.promise).end('ended')
  assert.match(await visitor.end(), /ended\r\n0\r\n\r\n$/)
  await drained
  await talker.write('still ').until('101')
  await (await wire.promise).until('still ')
  ;(await wire.promise).write('there')
  await talker.until('there')
  const closed = edge.close()
  await (await wire.promise).end()
  await talker.end()
  await closed
})

test('draining breaks off answers that are not over in time, and no tunnel', async t => {
  const wire = Promise.withResolvers<Wire>()
  const upstream = await rawApp(t, async side => {
    if ((await side.until('\r\n\r\n')).includes('Upgrade')) {
      side.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
      wire.resolve(side)
    }
  })
  const { port, edge, app, records } = await stage(t, upstream)
  const talker = await dial(t, port)
  await talker.write(get('/', 'Connection: Upgrade', 'Upgrade: x')).until('101')
  const visitor = await dial(t, port)
  visitor.write(get())
  await app.until(({ taken }) => taken === 2)
  await edge.drain({ timeout: 20 })
  assert.equal(await visitor.end(), '')
  assert.deepEqual(
    records.map(({ aborted }) => aborted),
    ['edge'],
  )
  ;(await wire.promise).write('there')
  await talker.until('there')
})

test('an address that is taken is an error of listen', async t => {
  const { port } = await stage(t, undefined)
  const { createEdge } = await import('./edge.ts')
  await using second = createEdge({
    resolve: () => new HandApp(),
    control: () => {},
    domain: 'localhost',
    log: silent,
  })
  await assert.rejects(second.listen({ host: '127.0.0.1', port }), { code: 'EADDRINUSE' })
})

test('headers that do not come in time close the connection', async t => {
  const { port } = await stage(t, undefined, { limits: { headersTimeout: 100 } })
  const visitor = await dial(t, port)
  assert.match(await visitor.write('GET / HTTP/1.1\r\nHost: app.loc').end(), /^HTTP\/1\.1 408 /)
})

test('an address at which nobody listens is forgotten', async t => {
  const gone = await rawApp(t, () => {})
  const { edge, port } = await stage(t, { host: '127.0.0.2', port: gone.port })
  for (let n = 0; n < 3; n++) {
    const visitor = await dial(t, port)
    assert.match(await visitor.write(get('/', 'Connection: close')).end(), /^HTTP\/1\.1 502 /)
  }
  assert.equal(edge.load.upstreams, 0)
})

test('an address is forgotten when the last request to it was broken off', async t => {
  const { edge, port, app } = await stage(t, await rawApp(t, () => {}))
  const visitors = await Promise.all([dial(t, port), dial(t, port), dial(t, port)])
  for (const visitor of visitors) visitor.write(get())
  await app.until(({ out }) => out === 3)
  for (const visitor of visitors) visitor.socket.destroy()
  await app.idle()
  await edge.drain()
  // The connections are closed when the event loop comes round to it.
  for (let turn = 0; turn < 100 && edge.load.upstreams > 0; turn++) await new Promise(setImmediate)
  assert.equal(edge.load.upstreams, 0)
})

test('a connection that idles is closed, and one whose app takes its time is not', async t => {
  const asked = Promise.withResolvers<ServerResponse>()
  const upstream = await httpApp(t, (req, res) => {
    if (req.url === '/slow') asked.resolve(res)
    else res.end('quick')
  })
  const { port } = await stage(t, upstream, { limits: { keepAlive: 40 } })
  const slow = (await dial(t, port)).write(get('/slow'))
  const answer = await asked.promise
  const idle = (await dial(t, port)).write(get('/'))
  assert.match(await idle.end(), /^HTTP\/1\.1 200 .*quick/s)
  assert.equal(slow.closed, false)
  answer.end('at last')
  assert.match(await slow.end(), /at last/)
})
