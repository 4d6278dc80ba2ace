import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { Upstream } from '../apps/lease.ts'
import { Problem } from '../problem.ts'
import type { Wire } from './fixture.ts'
import { cannedApp, dial, get, httpApp, rawApp, stage } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const MIB = 1024 * 1024

/** An app that hands each request's connection to a test. */
async function heldApp(
  t: Parameters<typeof stage>[0],
): Promise<{ upstream: Upstream; next(): Promise<Wire> }> {
  const queue: Wire[] = []
  let wanted: (() => void) | undefined
  const upstream = await rawApp(t, wire => {
    queue.push(wire)
    wanted?.()
  })
  return {
    upstream,
    async next() {
      while (queue.length === 0) await new Promise<void>(resolve => (wanted = resolve))
      const wire = queue.shift() as Wire
      await wire.until('\r\n\r\n')
      return wire
    },
  }
}

test('a visitor who leaves before the answer ends the request at the app', async t => {
  const { upstream, next } = await heldApp(t)
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get())
  const wire = await next()
  visitor.socket.destroy()
  await wire.end()
  await app.idle()
  assert.deepEqual(
    records.map(({ status, aborted }) => ({ status, aborted })),
    [{ status: 0, aborted: 'visitor' }],
  )
})

test('a visitor who leaves in the middle of an answer ends it at the app', async t => {
  const { upstream, next } = await heldApp(t)
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get())
  const wire = await next()
  wire.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome')
  await visitor.until('some')
  visitor.socket.destroy()
  await wire.end()
  await app.idle()
  assert.deepEqual(
    records.map(({ status, sent, aborted }) => ({ status, sent, aborted })),
    [{ status: 200, sent: 4, aborted: 'visitor' }],
  )
})

test('a visitor who leaves in the middle of a body breaks it off at the app', async t => {
  const { upstream, next } = await heldApp(t)
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write('POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 100\r\n\r\nsome')
  const wire = await next()
  await wire.until('some')
  visitor.socket.destroy()
  await wire.end()
  await app.idle()
})

for (const [framing, head, seen] of [
  ['a length', 'Content-Length: 100\r\n\r\nsome', /Content-Length: 100\r\n.*\r\n\r\nsome$/s],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n', /\r\n\r\n4\r\nsome\r\n$/],
] as const) {
  test(`an answer with ${framing} that the app cuts off is seen to be cut off`, async t => {
    const { upstream, next } = await heldApp(t)
    const { port, app, records } = await stage(t, upstream)
    const visitor = await dial(t, port)
    visitor.write(get())
    const wire = await next()
    wire.write(`HTTP/1.1 200 OK\r\n${head}`)
    await visitor.until('some')
    wire.socket.destroy()
    assert.match(await visitor.end(), seen)
    await app.idle()
    assert.equal(records[0]?.aborted, 'app')
  })
}

test('a cut off answer to HTTP/1.0, which has neither, ends in a reset', async t => {
  const { upstream, next } = await heldApp(t)
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write('GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n')
  const wire = await next()
  wire.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n')
  await visitor.until('some')
  wire.socket.destroy()
  await visitor.end()
  assert.equal(visitor.error, 'ECONNRESET')
})

test('an app that accepts no connection is a 502, after one more try with a fresh lease', async t => {
  const gone = await rawApp(t, () => {})
  const { port, app } = await stage(t, { host: '127.0.0.2', port: gone.port })
  const visitor = await dial(t, port)
  const received = await visitor
    .write('POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx')
    .end()
  assert.match(received, /^HTTP\/1\.1 502 .*X-Dormice-Error: app_unreachable\r\n.*Retry-After: 1\r\n/s)
  assert.equal(app.taken, 2)
})

test('an instance that accepts no connection is looked at before the second try, which waits for its wake', async t => {
  const gone = await rawApp(t, () => {})
  const upstream = await httpApp(t, (_, res) => res.end('awake again'))
  const { port, app } = await stage(t, { host: '127.0.0.2', port: gone.port })
  app.unreachable = async () => {
    app.upstream = undefined
  }
  const visitor = await dial(t, port)
  visitor.write('GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n')
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(upstream)
  await visitor.until('awake again')
  await app.idle()
})

test('an instance that accepts no connection while nobody can look is told as what keeps from looking', async t => {
  const gone = await rawApp(t, () => {})
  const { port, app } = await stage(t, { host: '127.0.0.2', port: gone.port })
  app.unreachable = () =>
    Promise.reject(new Problem({ code: 'engine_unavailable', status: 503, detail: 'x', retryAfter: 5 }))
  const visitor = await dial(t, port)
  const received = await visitor
    .write('GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n')
    .end()
  assert.match(received, /^HTTP\/1\.1 503 .*X-Dormice-Error: engine_unavailable\r\n.*Retry-After: 5\r\n/s)
  assert.equal(app.taken, 1)
})

test('a body that could not be sent to an instance that is gone is sent to the next one', async t => {
  const gone = await rawApp(t, () => {})
  const upstream = await httpApp(t, async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    res.end(`got ${body}`)
  })
  const { port, app } = await stage(t, { host: '127.0.0.2', port: gone.port })
  const lease = app.lease.bind(app)
  app.lease = () => {
    const first = lease()
    app.upstream = upstream
    return first
  }
  const visitor = await dial(t, port)
  visitor.write('POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 4\r\n\r\nbody')
  await visitor.until('got body')
})

/** An app that answers the first request on a connection and resets at the second. */
async function forgetfulApp(t: Parameters<typeof stage>[0]) {
  const { upstream, next } = await heldApp(t)
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get('/warm'))
  const wire = await next()
  wire.write(OK)
  await visitor.until('ok')
  await app.idle()
  visitor.received = ''
  wire.received = ''
  return { visitor, wire, next, app }
}

test('a request that may be repeated and met a kept connection being closed is sent again', async t => {
  const { visitor, wire, next } = await forgetfulApp(t)
  visitor.write(get('/again'))
  await wire.until('/again')
  wire.socket.resetAndDestroy()
  const fresh = await next()
  assert.match(fresh.received, /^GET \/again /)
  fresh.write(OK)
  await visitor.until('\r\n\r\nok')
})

for (const [name, request] of [
  ['POST', 'POST /pay HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 0\r\n\r\n'],
  [
    'PUT with a body, which is gone,',
    'PUT /pay HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1\r\n\r\nx',
  ],
] as const) {
  test(`a ${name} is a 502 then and not sent again`, async t => {
    const { visitor, wire, app } = await forgetfulApp(t)
    visitor.write(request)
    await wire.until('/pay')
    wire.socket.resetAndDestroy()
    await visitor.until('X-Dormice-Error: app_broken_answer')
    await app.idle()
    assert.equal(app.taken, 2)
  })
}

test('an answer that is not HTTP is a 502', async t => {
  const { upstream } = await cannedApp(t, 'SSH-2.0-OpenSSH_9.2\r\n')
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get())
  await visitor.until('X-Dormice-Error: app_broken_answer')
  await app.idle()
  assert.ok(app.taken <= 2)
})

test('an answer whose status is none is a 502, on whatever connection', async t => {
  const { upstream } = await cannedApp(t, 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok')
  const { port } = await stage(t, upstream)
  for (const more of [[], ['Expect: 100-continue'], ['Connection: Upgrade', 'Upgrade: websocket']]) {
    const wire = await dial(t, port)
    assert.match(await wire.write(get('/', ...more)).until('\r\n\r\n'), /^HTTP\/1\.1 502 /, String(more))
  }
})

test('an answer with length and chunks at once is a 502', async t => {
  const { upstream } = await cannedApp(
    t,
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  )
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get())
  await visitor.until('HTTP/1.1 502 ')
})

test('a 101 that nobody asked for is a 502', async t => {
  const { upstream } = await cannedApp(
    t,
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  )
  const { port } = await stage(t, upstream)
  for (const more of [[], ['Expect: 100-continue']]) {
    const visitor = await dial(t, port)
    await visitor.write(get('/', ...more)).until('HTTP/1.1 502 ')
  }
})

test('an app that does not begin its answer in time is a 504', async t => {
  const { upstream } = await heldApp(t)
  const { port } = await stage(t, upstream, { limits: { answerTimeout: 200 } })
  const visitor = await dial(t, port)
  visitor.write(get())
  await visitor.until('X-Dormice-Error: app_timeout')
})

test('a connection with an answer left unread by a broken-off request is not used again', async t => {
  const { upstream, next } = await heldApp(t)
  const { port, app } = await stage(t, upstream)
  const leaver = await dial(t, port)
  leaver.write(get('/first'))
  const first = await next()
  leaver.socket.destroy()
  await app.idle()
  const visitor = await dial(t, port)
  visitor.write(get('/second'))
  const second = await next()
  assert.notEqual(first, second)
  second.write(OK)
  await visitor.until('ok')
})

test('a revoked lease answers a waiting visitor with 503 and breaks off the request', async t => {
  const { upstream, next } = await heldApp(t)
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get())
  const wire = await next()
  app.revoke()
  await visitor.until('X-Dormice-Error: app_stopping')
  await wire.end()
  await app.idle()
  assert.equal(records[0]?.aborted, 'edge')
})

test('a revoked lease cuts off an answer under way', async t => {
  const { upstream, next } = await heldApp(t)
  const { port, app, records } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get())
  const wire = await next()
  wire.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome')
  await visitor.until('some')
  app.revoke()
  await wire.end()
  assert.match(await visitor.end(), /some$/)
  await app.idle()
  assert.equal(records[0]?.aborted, 'edge')
})

test('a lease revoked after an answer is whole does no harm', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get())
  await visitor.until('ok')
  await app.idle()
  app.revoke()
  app.upstream = upstream
  visitor.received = ''
  visitor.write(get())
  await visitor.until('ok')
})

test('a slow visitor of a large download holds the app back, and gets every byte', async t => {
  const total = 192 * MIB
  let sent = 0
  const upstream = await httpApp(t, async (_, res) => {
    res.writeHead(200, { 'Content-Length': total })
    const chunk = Buffer.alloc(64 * 1024, 'x')
    while (sent < total) {
      sent += chunk.length
      if (!res.write(chunk)) await once(res, 'drain')
    }
    res.end()
  })
  const { port, app } = await stage(t, upstream)
  const slow = await dial(t, port)
  slow.socket.removeAllListeners('data')
  slow.socket.pause()
  slow.write(get('/', 'Connection: close'))
  await app.until(({ taken }) => taken === 1)
  // Another connection answered many times over: whatever can flow to the slow one has flowed.
  const { upstream: quick } = await cannedApp(t, OK)
  app.upstream = quick
  const other = await dial(t, port)
  for (let i = 0; i < 300; i++) {
    other.received = ''
    await other.write(get()).until('ok')
  }
  assert.ok(sent < 48 * MIB, `${sent} bytes went ahead`)
  let got = 0
  slow.socket.on('data', chunk => (got += chunk.length))
  slow.socket.resume()
  await once(slow.socket, 'end')
  assert.ok(got > total && got < total + 1_000, String(got))
})

test('an app slow to read a large upload holds the visitor back, and gets every byte', async t => {
  const total = 192 * MIB
  const reading = Promise.withResolvers<void>()
  const upstream = await httpApp(t, async (req, res) => {
    await reading.promise
    let got = 0
    for await (const chunk of req) got += chunk.length
    res.end(`got ${got}`)
  })
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(`POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: ${total}\r\n\r\n`)
  let sent = 0
  const upload = (async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    while (sent < total) {
      sent += chunk.length
      if (!visitor.socket.write(chunk)) await once(visitor.socket, 'drain')
    }
  })()
  await app.until(({ taken }) => taken === 1)
  const { upstream: quick } = await cannedApp(t, OK)
  app.upstream = quick
  const other = await dial(t, port)
  for (let i = 0; i < 300; i++) {
    other.received = ''
    await other.write(get()).until('ok')
  }
  assert.ok(sent < 48 * MIB, `${sent} bytes went ahead`)
  reading.resolve()
  await upload
  await visitor.until(`got ${total}`)
})

test('answers of many kinds at once leave no lease out', async t => {
  const upstream = await httpApp(t, (req, res) => {
    if (req.url === '/cut') req.socket.destroy()
    else if (req.url === '/late') setImmediate(() => res.end('late'))
    else if (req.url === '/hang') pending.push(res)
    else res.end('now')
  })
  const pending: ServerResponse[] = []
  const { port, app } = await stage(t, upstream)
  const visitors = await Promise.all(Array.from({ length: 60 }, () => dial(t, port)))
  visitors.forEach((visitor, i) => {
    visitor.write(get(['/now', '/late', '/cut', '/hang'][i % 4], 'Connection: close'))
  })
  await Promise.all(visitors.filter((_, i) => i % 4 < 3).map(visitor => visitor.end()))
  for (const visitor of visitors) visitor.socket.destroy()
  await app.idle()
})
