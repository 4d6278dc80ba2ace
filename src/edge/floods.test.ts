import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { silent } from '../log.ts'
import { dial, get, httpApp, rawApp, stage } from './fixture.ts'
import type { Limits } from './limits.ts'

test('a target over the limit is a 414, however it goes on behind it', async t => {
  const { port, app } = await stage(t, undefined, { limits: { targetBytes: 100 } })
  const visitor = await dial(t, port)
  const received = await visitor.write(get(`/${'a'.repeat(100)}`) + get('/next')).end()
  assert.match(received, /^HTTP\/1\.1 414 .*\r\nX-Dormice-Error: uri_too_long\r\n/s)
  assert.equal(received.match(/HTTP\/1\.1 /g)?.length, 1)
  assert.equal(app.taken + app.waiting.size, 0)
})

test('a target that alone is over the limit of all headers is a 414 too, and headers that are a 431', async t => {
  const { port } = await stage(t, undefined)
  for (const [request, status] of [
    [get(`/${'a'.repeat(40_000)}`), 414],
    [get('/', `X-A: ${'a'.repeat(40_000)}`), 431],
  ] as const) {
    const visitor = await dial(t, port)
    assert.match(await visitor.write(request).end(), new RegExp(`^HTTP/1\\.1 ${status} `))
  }
})

test('a flood of pipelined requests ends its connection after as many answers as may be owed', async t => {
  const held: (() => void)[] = []
  const upstream = await httpApp(t, (req, res) => {
    held.push(() => res.end(`${req.url};`))
    if (held.length === 8) for (const answer of held) answer()
  })
  const { port, app } = await stage(t, upstream, { limits: { pipelined: 8 } })
  const visitor = await dial(t, port)
  const received = await visitor.write(Array.from({ length: 500 }, (_, n) => get(`/${n}`)).join('')).end()
  assert.equal(received.match(/HTTP\/1\.1 200 /g)?.length, 8)
  assert.match(received, /Connection: close\r\n\r\n\/7;$/)
  await app.idle()
  assert.equal(app.taken, 8)
})

test('as many requests as may be owed, again and again, keep their connection', async t => {
  const upstream = await httpApp(t, (req, res) => res.end(`at ${req.url};`))
  const { port } = await stage(t, upstream, { limits: { pipelined: 4 } })
  const visitor = await dial(t, port)
  for (let round = 0; round < 5; round++) {
    visitor.received = ''
    await visitor.write(get('/1') + get('/2') + get('/3')).until('at /3;')
  }
  assert.equal(visitor.closed, false)
})

/** Stages an app with small limits, and the lines of the log. */
async function staged(t: TestContext, upstream: Parameters<typeof stage>[1], limits: Partial<Limits>) {
  const lines: Record<string, unknown>[] = []
  const line = (event: string, fields = {}) => lines.push({ event, ...fields })
  const log = { ...silent, warn: line, error: line }
  return { ...(await stage(t, upstream, { limits, log })), lines }
}

const POST = 'POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 100\r\n'

for (const [kind, headers] of [
  ['', ''],
  [' that the app asked for', 'Expect: 100-continue\r\n'],
] as const) {
  test(`a body${kind} that stops is a 408, and the app is told at once`, async t => {
    const ended = Promise.withResolvers<void>()
    const upstream = await httpApp(t, req => req.on('data', () => {}).on('error', () => ended.resolve()))
    const { port, app, lines } = await staged(t, upstream, { bodyTimeout: 50 })
    const visitor = await dial(t, port)
    visitor.write(`${POST}${headers}\r\n`)
    if (headers) await visitor.until('100 Continue')
    visitor.write('some')
    await ended.promise
    await app.idle()
    const received = await visitor.until('\r\nX-Dormice-Error: body_timeout\r\n')
    assert.match(received, /HTTP\/1\.1 408 .*\r\nConnection: close\r\n/s)
    assert.deepEqual(lines, [{ event: 'edge_visitor_stalled', app: 'app', at: 'body' }])
  })
}

test('a body that the app does not read is not held against its visitor, but against the app', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.socket.pause()
  })
  const { port, app, lines } = await staged(t, upstream, { bodyTimeout: 40, answerTimeout: 150 })
  const visitor = await dial(t, port)
  const size = 64 * 1024 * 1024
  visitor.socket.on('error', () => {})
  visitor.write(`POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: ${size}\r\n\r\n`)
  visitor.socket.write(Buffer.alloc(size))
  await visitor.until('X-Dormice-Error: app_timeout')
  await app.idle()
  assert.deepEqual(
    lines.map(({ event, code }) => [event, code]),
    [['edge_app_failed', 'app_timeout']],
  )
})

test('a body for control that stops ends its connection', async t => {
  const ended = Promise.withResolvers<void>()
  const { port } = await stage(t, undefined, {
    limits: { bodyTimeout: 50 },
    control: req => req.on('data', () => {}).on('error', () => ended.resolve()),
  })
  const visitor = await dial(t, port)
  visitor.write(POST.replace('app.', 'dormice.')).write('\r\nsome')
  assert.equal(await visitor.end(), '')
  await ended.promise
})

test('a body behind an answer of the edge itself is not waited for', async t => {
  const { port } = await stage(t, undefined, { limits: { linger: 50 } })
  const visitor = await dial(t, port)
  assert.match(
    await visitor.write(POST.replace('app.', 'nobody.')).write('\r\nsome').end(),
    /^HTTP\/1\.1 404 /,
  )
})

test('a visitor who does not read the answer is cut off, and the app with them', async t => {
  const ended = Promise.withResolvers<void>()
  const upstream = await httpApp(t, (_, res) => {
    res.on('close', ended.resolve)
    const more = () => {
      while (res.write(Buffer.alloc(64 * 1024)));
    }
    res.on('drain', more)
    more()
  })
  const { port, app, lines } = await staged(t, upstream, { unreadTimeout: 100 })
  const visitor = await dial(t, port)
  visitor.socket.pause()
  visitor.write(get())
  await ended.promise
  await app.idle()
  assert.deepEqual(lines, [{ event: 'edge_visitor_stalled', app: 'app', at: 'answer' }])
})

test('a visitor who does not read a tunnel is cut off too', async t => {
  const ended = Promise.withResolvers<void>()
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    wire.socket.once('close', () => ended.resolve())
    const more = () => {
      while (wire.socket.write(Buffer.alloc(64 * 1024)));
    }
    wire.socket.on('drain', more)
    more()
  })
  const { port, app } = await staged(t, upstream, { unreadTimeout: 100 })
  const visitor = await dial(t, port)
  visitor.socket.pause()
  visitor.write(get('/', 'Connection: Upgrade', 'Upgrade: x'))
  await ended.promise
  await app.idle()
})

test('a connection on which nothing is said is closed', async t => {
  const { port } = await stage(t, undefined, { limits: { headersTimeout: 100 } })
  const visitor = await dial(t, port)
  assert.match(await visitor.end(), /^HTTP\/1\.1 408 /)
})

test('of a flood of early hints a visitor gets some, and then the answer', async t => {
  const upstream = await rawApp(t, wire => {
    void wire.until('\r\n\r\n').then(() => {
      const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'.repeat(10_000)
      wire.write(`${hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`)
    })
  })
  const { port } = await stage(t, upstream)
  for (const more of [[], ['Expect: 100-continue']]) {
    const visitor = await dial(t, port)
    const received = await visitor.write(get('/', ...more)).until('\r\n\r\nok')
    assert.equal(received.split('HTTP/1.1 103 ').length - 1, 1_000)
  }
})

test('a visitor who asks for a tunnel behind requests that are held, and goes, has left', async t => {
  const { port, app } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(`${get()}${get()}CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n`)
  await app.until(({ waiting }) => waiting.size === 2)
  visitor.socket.resetAndDestroy()
  await app.idle()
})

test('connections beyond the limit are reset, and logged once', async t => {
  const { port, lines } = await staged(t, undefined, { connections: 3 })
  const alive = 'OPTIONS * HTTP/1.1\r\nHost: app.localhost\r\n\r\n'
  const first = await Promise.all([dial(t, port), dial(t, port), dial(t, port)])
  await Promise.all(first.map(each => each.write(alive).until('up.')))
  for (let n = 0; n < 20; n++) {
    const refused = connect({ port, host: '127.0.0.1' }).on('error', () => {})
    await new Promise(resolve => refused.once('close', resolve))
  }
  assert.deepEqual(lines, [{ event: 'edge_connection_refused', too_many: 'total', address: '127.0.0.1' }])
})

test('apps that answer garbage, break off or do not answer are logged once each', async t => {
  let answer = 'SSH-2.0-OpenSSH_9.2\r\n'
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.socket.end(answer)
  })
  const { edge, port, lines } = await staged(t, upstream, {})
  for (let n = 0; n < 20; n++) {
    answer = n % 2 ? 'SSH-2.0-OpenSSH_9.2\r\n' : 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart'
    const visitor = await dial(t, port)
    await visitor.write(get('/', 'Connection: close')).end()
  }
  await edge.close()
  assert.deepEqual(lines.map(({ code, more }) => `${code} ${more ?? 'first'}`).sort(), [
    'app_broke_off 9',
    'app_broke_off first',
    'app_broken_answer 9',
    'app_broken_answer first',
  ])
})

test('a flood of requests that are refused is logged once a status', async t => {
  const { edge, port, lines } = await staged(t, undefined, {})
  for (let n = 0; n < 15; n++) {
    for (const request of [
      'GET / HTTP/1.1\r\n\r\n',
      get('/', `X: ${'x'.repeat(20_000)}`),
      'nonsense\r\n\r\n',
    ]) {
      const visitor = await dial(t, port)
      await visitor.write(request).end()
    }
  }
  await edge.close()
  assert.deepEqual(lines.map(({ status, more }) => `${status} ${more ?? 'first'}`).sort(), [
    '400 29',
    '400 first',
    '431 14',
    '431 first',
  ])
})

test('a body that whoever answers gives up reading in the middle ends its connection in time', async t => {
  const { port } = await stage(t, undefined, {
    limits: { linger: 50 },
    control: async (req, res) => {
      for await (const _ of req) break
      res.end('enough')
    },
  })
  const visitor = await dial(t, port)
  visitor.write(POST.replace('app.', 'dormice.')).write('\r\nsome')
  assert.match(await visitor.end(), /enough$/)
})
