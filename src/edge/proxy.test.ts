import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannedApp, dial, get, httpApp, rawApp, stage } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** The answer to one request, the connection closed after it. */
async function once(t: Parameters<typeof stage>[0], answer: string, request = get('/', 'Connection: close')) {
  const { upstream, wires } = await cannedApp(t, answer)
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  const received = await visitor.write(request).end()
  await app.idle()
  return { received, sent: wires.map(wire => wire.received).join('') }
}

test('the app gets the request as it came, and what the edge adds', async t => {
  const request =
    'GET /a//b?x=1;y=%2F&z=%C3%A9 HTTP/1.1\r\nHost: APP.localhost:8080\r\nX-A: 1\r\nx-a: 2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Request-Id: mine-1\r\n\r\n'
  const { sent } = await once(t, OK, request)
  const [line, ...headers] = sent.trimEnd().split('\r\n')
  assert.equal(line, 'GET /a//b?x=1;y=%2F&z=%C3%A9 HTTP/1.1')
  assert.deepEqual(headers, [
    'host: APP.localhost:8080',
    'connection: keep-alive',
    'X-A: 1',
    'x-a: 2',
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Host: APP.localhost:8080',
    'X-Request-Id: mine-1',
  ])
})

for (const insane of ['', 'a b', 'x'.repeat(129), 'a\tb', '<script>']) {
  test(`the request id ${JSON.stringify(insane.slice(0, 9))} (${insane.length} long) is replaced`, async t => {
    const { sent } = await once(t, OK, get('/', 'Connection: close', `X-Request-Id: ${insane}`))
    assert.match(sent, /\r\nX-Request-Id: [0-9a-f]{12}-[0-9a-z]+\r\n/)
  })
}

test('the answer comes back as the app gave it: status, reason, repeated headers, bytes', async t => {
  const answer =
    'HTTP/1.1 299 Rather Fine\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Latin: \xe9\r\nDate: then\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\n\x00\xff\n'
  const { received } = await once(t, answer)
  assert.equal(
    received,
    'HTTP/1.1 299 Rather Fine\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Latin: \xe9\r\nDate: then\r\nContent-Length: 3\r\nConnection: close\r\n\r\n\x00\xff\n',
  )
})

test('a chunked answer is chunked once, with its trailers', async t => {
  const answer =
    'HTTP/1.1 200 OK\r\nDate: then\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\nSet-Cookie: a\r\n\r\n'
  const { received } = await once(t, answer)
  assert.equal(
    received,
    'HTTP/1.1 200 OK\r\nDate: then\r\nTrailer: X-Sum\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n',
  )
})

test('an answer that ends with its connection is passed on whole', async t => {
  const upstream = await rawApp(t, wire => {
    wire.socket.once('data', () => wire.socket.end('HTTP/1.1 200 OK\r\nDate: then\r\n\r\nall of it'))
  })
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  assert.match(await visitor.write(get('/', 'Connection: close')).end(), /\r\n9\r\nall of it\r\n0\r\n\r\n$/)
})

test('a visitor who speaks HTTP/1.0 gets neither chunks, nor trailers, nor early hints', async t => {
  const answer =
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nDate: then\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n'
  const { received } = await once(t, answer, 'GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n')
  assert.equal(received, 'HTTP/1.1 200 OK\r\nDate: then\r\nConnection: close\r\n\r\nabc')
})

test('early hints go ahead of the answer', async t => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-B: 1\r\n\r\n'
  const { received } = await once(t, hints + OK)
  assert.ok(received.startsWith(`${hints}HTTP/1.1 200 OK\r\n`), received)
})

test('the answer to HEAD keeps its length, has no body, and the connection goes on', async t => {
  const upstream = await httpApp(t, (_, res) => res.setHeader('Content-Length', 5).end('hello'))
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(get().replace('GET', 'HEAD')).write(get('/', 'Connection: close'))
  const received = await visitor.end()
  assert.match(
    received,
    /^HTTP\/1\.1 200 OK\r\nContent-Length: 5\r\n[\s\S]*?\r\n\r\nHTTP\/1\.1 200 OK\r\nContent-Length: 5\r\n[\s\S]*\r\n\r\nhello$/,
  )
})

for (const status of ['204 No Content', '304 Not Modified']) {
  test(`a ${status} has no body and the connection goes on`, async t => {
    const { upstream } = await cannedApp(t, `HTTP/1.1 ${status}\r\nDate: then\r\nETag: "x"\r\n\r\n`)
    const { port } = await stage(t, upstream)
    const visitor = await dial(t, port)
    const head = `HTTP/1.1 ${status}\r\nDate: then\r\nETag: "x"\r\nConnection: `
    const received = await visitor.write(get()).write(get('/', 'Connection: close')).end()
    assert.ok(
      received.startsWith(`${head}keep-alive\r\n`) && received.includes(`\r\n\r\n${head}close\r\n\r\n`),
      received,
    )
  })
}

test('the head and each event of a stream of events come at once', async t => {
  const stream = Promise.withResolvers<import('node:http').ServerResponse>()
  const upstream = await httpApp(t, (_, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
    stream.resolve(res)
  })
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  await visitor.write(get()).until('text/event-stream')
  const res = await stream.promise
  for (const event of ['data: one\n\n', 'data: two\n\n']) {
    res.write(event)
    await visitor.until(event)
  }
  assert.equal(app.out, 1)
  res.end()
  await visitor.until('\r\n0\r\n\r\n')
  await app.idle()
})

test('a body passes through as it comes', async t => {
  const apps: import('./fixture.ts').Wire[] = []
  const upstream = await rawApp(t, wire => {
    apps.push(wire)
  })
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n',
  )
  while (apps.length === 0) await new Promise(resolve => setImmediate(resolve))
  const [wire] = apps as [import('./fixture.ts').Wire]
  await wire.until('3\r\none\r\n'.trimEnd())
  visitor.write('3\r\ntwo\r\n')
  await wire.until('two')
  visitor.write('0\r\n\r\n')
  assert.match(
    await wire.until('\r\n0\r\n\r\n'),
    /\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/,
  )
  wire.write(OK)
  assert.match(await visitor.end(), /ok$/)
})

test('bodies of any method and size arrive byte for byte', async t => {
  const upstream = await httpApp(t, async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    res.end(`${req.method} ${req.headers['content-length']} ${Buffer.concat(chunks).toString('hex')};`)
  })
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'OPTIONS']) {
    for (const body of ['', 'x', '\x00\xff\r\n\r\n']) {
      const hex = Buffer.from(body, 'latin1').toString('hex')
      visitor.received = ''
      visitor.write(
        `${method} / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      assert.match(await visitor.until(';'), new RegExp(`${method} (${body.length}|undefined) ${hex};`))
    }
  }
})

test('an answer given before the end of the body arrives, and the connection stays good', async t => {
  const upstream = await httpApp(t, (_, res) => res.writeHead(413).end('too much'))
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  const size = 2_000_000
  visitor.write(`POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: ${size}\r\n\r\n`)
  visitor.socket.write(Buffer.alloc(size - 1))
  await visitor.until('too much')
  await app.idle()
  visitor.write('x').write(get('/', 'Connection: close'))
  const received = await visitor.end()
  assert.equal(received.split('HTTP/1.1 413').length - 1, 2, received)
})

test('a visitor who never ends the body of an answered request is not waited for long', async t => {
  const upstream = await httpApp(t, (_, res) => res.writeHead(413).end('too much'))
  const { port } = await stage(t, upstream, { limits: { linger: 50 } })
  const visitor = await dial(t, port)
  visitor.write('POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 9\r\n\r\nx')
  assert.match(await visitor.end(), /too much/)
})

test('with Expect the app itself asks for the body', async t => {
  const upstream = await rawApp(t, async wire => {
    await wire.until('\r\n\r\n')
    wire.write('HTTP/1.1 100 Continue\r\n\r\n')
    await wire.until('body')
    wire.write(OK)
  })
  const { port, app } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write('PUT / HTTP/1.1\r\nHost: app.localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  await visitor.until('HTTP/1.1 100 Continue\r\n\r\n')
  visitor.write('body')
  await visitor.until('ok')
  await app.idle()
})

test('with Expect the app can refuse the body', async t => {
  const upstream = await rawApp(t, async wire => {
    assert.match(await wire.until('\r\n\r\n'), /\r\nExpect: 100-continue\r\n/)
    wire.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')
  })
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write('PUT / HTTP/1.1\r\nHost: app.localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  const received = await visitor.end()
  assert.match(received, /^HTTP\/1\.1 401 .*\r\nConnection: close\r\n.*no$/s)
})

test('with Expect and no instance yet, nothing is asked for', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { port, app } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write('PUT / HTTP/1.1\r\nHost: app.localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
  await app.until(({ waiting }) => waiting.size === 1)
  assert.equal(visitor.received, '')
  app.wakeUp(upstream)
  await visitor.until('ok')
})

test('trailers of a request reach the app', async t => {
  const upstream = await httpApp(t, async (req, res) => {
    for await (const _ of req);
    res.end(`trailers ${JSON.stringify(req.trailers)};`)
  })
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n',
  )
  assert.match(await visitor.until(';'), /trailers {"x-sum":"6"};/)
})

test('pipelined requests are answered in order', async t => {
  const later = Promise.withResolvers<void>()
  const upstream = await httpApp(t, async (req, res) => {
    if (req.url === '/1') await later.promise
    else later.resolve()
    res.end(`at ${req.url};`)
  })
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  const received = await visitor.write(get('/1') + get('/2') + get('/3', 'Connection: close')).end()
  assert.deepEqual(received.match(/at \/\d/g), ['at /1', 'at /2', 'at /3'])
})

test('a request hidden in the body of another stays in it', async t => {
  const upstream = await httpApp(t, async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    res.end(`${req.method} ${req.url} with ${JSON.stringify(body)};`)
  })
  const hidden = 'GET /secret HTTP/1.1\r\nHost: app.localhost\r\n\r\n'
  const { port, app } = await stage(t, upstream)
  for (const method of ['DELETE', 'OPTIONS', 'GET', 'POST']) {
    const visitor = await dial(t, port)
    visitor.write(
      `${method} /open HTTP/1.1\r\nHost: app.localhost\r\nConnection: close, Transfer-Encoding, Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
    )
    const received = await visitor.end()
    assert.equal(received.match(/ with /g)?.length, 1)
    assert.ok(received.includes(`${method} /open with ${JSON.stringify(hidden)};`), received)
  }
  assert.equal(app.taken, 4)
})

const REFUSED: [name: string, bytes: string, status: number][] = [
  ['two Host headers', 'GET / HTTP/1.1\r\nHost: app.localhost\r\nhost: app.localhost\r\n\r\n', 400],
  ['no Host header', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['no Host header in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 400],
  ['an empty Host header', 'GET / HTTP/1.1\r\nHost: \r\n\r\n', 400],
  ['a target on another host', 'GET http://other.localhost/ HTTP/1.1\r\nHost: app.localhost\r\n\r\n', 400],
  ['a target that is no path', 'GET * HTTP/1.1\r\nHost: app.localhost\r\n\r\n', 400],
  ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: app.localhost\r\n\r\n', 400],
  [
    'length and chunks',
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    400,
  ],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost: app.localhost\r\nX-A : 1\r\n\r\n', 400],
  ['a folded header', 'GET / HTTP/1.1\r\nHost: app.localhost\r\nX-A: 1\r\n 2\r\n\r\n', 400],
  [
    'a coding other than chunked',
    'POST / HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    501,
  ],
  ['headers over 16 KiB', `GET / HTTP/1.1\r\nHost: app.localhost\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
  [
    'an expectation nobody knows',
    'GET / HTTP/1.1\r\nHost: app.localhost\r\nExpect: wonders\r\nConnection: close\r\n\r\n',
    417,
  ],
  ['CONNECT', 'CONNECT app.localhost:80 HTTP/1.1\r\nHost: app.localhost\r\n\r\n', 405],
]

for (const [name, bytes, status] of REFUSED) {
  test(`${name} is refused with ${status}, and the app never asked`, async t => {
    const { port, app } = await stage(t, undefined)
    const visitor = await dial(t, port)
    const received = await visitor.write(bytes).end()
    assert.ok(received.startsWith(`HTTP/1.1 ${status} `), received)
    assert.equal(app.taken + app.waiting.size, 0)
  })
}

test('a target with the same host and one with several leading slashes are made plain paths', async t => {
  const absolute = 'GET http://APP.localhost/x?y HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n'
  assert.match((await once(t, OK, absolute)).sent, /^GET \/x\?y HTTP\/1\.1\r\n/)
  assert.match(
    (await once(t, OK, get('//evil.test/x', 'Connection: close'))).sent,
    /^GET \/evil\.test\/x HTTP\/1\.1\r\n/,
  )
})

test('a thousand headers all arrive', async t => {
  const many = Array.from({ length: 1_500 }, (_, i) => `a: ${i % 10}`)
  const { sent } = await once(t, OK, get('/', 'Connection: close', ...many))
  assert.equal(sent.match(/\r\na: /g)?.length, 1_500)
})
