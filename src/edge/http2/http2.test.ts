import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { cannedApp, httpApp, rawApp } from '../fixture.ts'
import { answerOf, ask, dialHttp2, dialTls, open, type SecureStage, secureStage } from '../tls/fixture.ts'
import { data, headers, POST, PREFACE, reset } from './frames.ts'

const MIB = 1024 * 1024

test('a request over HTTP/2 reaches the app as HTTP/1.1', async t => {
  const { upstream, wires } = await cannedApp(t, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
  const { tlsPort, records, app } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const answer = await ask(session, { ':path': '/a?b=c', 'x-mine': 'yes', te: 'trailers' })
  assert.equal(answer.status, 200)
  assert.equal(answer.body, 'hello')
  assert.equal(answer.code, 0)
  const [head = ''] = wires[0]!.received.split('\r\n\r\n')
  const [line, ...headers] = head.split('\r\n')
  assert.equal(line, 'GET /a?b=c HTTP/1.1')
  assert.ok(headers.includes('Host: app.localhost') || headers.includes('host: app.localhost'), head)
  assert.ok(headers.includes('x-mine: yes'))
  assert.ok(headers.includes('X-Forwarded-Proto: https'))
  assert.ok(!headers.some(header => header.startsWith(':')))
  await app.idle()
  assert.equal(records[0]?.status, 200)
  assert.equal(records[0]?.protocol, '2.0')
  assert.equal(records[0]?.aborted, undefined)
})

test('cookies that came in crumbs are one header', async t => {
  const upstream = await httpApp(t, (req, res) => {
    const cookies = req.rawHeaders.filter((_, i) => req.rawHeaders[i - 1]?.toLowerCase() === 'cookie')
    res.end(JSON.stringify(cookies))
  })
  const { tlsPort } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  assert.equal((await ask(session, { cookie: ['a=1', 'b=2', 'c=3'] })).body, '["a=1; b=2; c=3"]')
})

test('a Host header that says the same is dropped, and one that says something else is refused', async t => {
  const upstream = await httpApp(t, (req, res) => {
    res.end(String(req.rawHeaders.filter(name => name.toLowerCase() === 'host').length))
  })
  const { tlsPort } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  assert.equal((await ask(session, { host: 'app.localhost' })).body, '1')
  assert.equal((await ask(session, { host: 'other.localhost' })).status, 400)
  assert.equal((await ask(session)).status, 200)
})

test('a refused request leaves the other streams of its connection alone', async t => {
  const upstream = await httpApp(t, (_, res) => res.end('hello'))
  const { tlsPort } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const answers = await Promise.all([
    ask(session),
    ask(session, { ':path': '/a#b' }),
    ask(session, { ':authority': 'other.localhost' }),
    ask(session),
  ])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 400, 404, 200],
  )
})

test('what belongs to one HTTP/1 connection stays out of the answer, and all else is as the app said it', async t => {
  const { upstream } = await cannedApp(
    t,
    'HTTP/1.1 201 Made\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n' +
      'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Odd: caf\xe9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  )
  const { tlsPort } = await secureStage(t, upstream)
  const { status, headers, body } = await ask(await dialHttp2(t, tlsPort))
  assert.equal(status, 201)
  assert.equal(body, 'ok')
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(headers['x-odd'], 'caf\xe9')
  for (const name of ['connection', 'keep-alive', 'x-hop', 'transfer-encoding']) {
    assert.equal(headers[name], undefined, name)
  }
})

test('bodies go both ways, of known and unknown length', async t => {
  const upstream = await httpApp(t, (req, res) => {
    res.setHeader('X-Framing', req.headers['transfer-encoding'] ?? `length ${req.headers['content-length']}`)
    req.pipe(res)
  })
  const { tlsPort } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const body = 'x'.repeat(3_000_000)
  const sized = open(session, { ':method': 'POST', 'content-length': body.length }, false)
  sized.end(body)
  const known = await answerOf(sized)
  assert.equal(known.headers['x-framing'], `length ${body.length}`)
  assert.equal(known.body.length, body.length)
  const streamed = open(session, { ':method': 'POST' }, false)
  streamed.write('one ')
  streamed.end('two')
  const unknown = await answerOf(streamed)
  assert.equal(unknown.headers['x-framing'], 'chunked')
  assert.equal(unknown.body, 'one two')
})

test('HEAD, 204 and 304 have no body, and keep what they say of one', async t => {
  const upstream = await httpApp(t, (req, res) => {
    if (req.url === '/none') res.writeHead(204).end()
    else if (req.url === '/same') res.writeHead(304, { ETag: '"1"' }).end()
    else res.writeHead(200, { 'Content-Length': '5' }).end(req.method === 'HEAD' ? undefined : 'hello')
  })
  const { tlsPort, app, records } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const head = await ask(session, { ':method': 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '5', ''])
  assert.equal((await ask(session, { ':path': '/none' })).status, 204)
  const same = await ask(session, { ':path': '/same' })
  assert.deepEqual([same.status, same.headers.etag], [304, '"1"'])
  await app.idle()
  assert.ok(records.every(({ aborted }) => aborted === undefined))
})

test('an informational answer comes before the final one', async t => {
  const { upstream } = await cannedApp(
    t,
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  )
  const { tlsPort } = await secureStage(t, upstream)
  const answer = await ask(await dialHttp2(t, tlsPort))
  assert.equal(answer.before[0]?.[':status'], 103)
  assert.equal(answer.before[0]?.link, '</a.css>; rel=preload, </b.js>; rel=preload')
  assert.equal(answer.status, 200)
})

test('a visitor who asks whether to send the body is told by the app', async t => {
  const upstream = await httpApp(t, (req, res) => req.pipe(res))
  const { tlsPort } = await secureStage(t, upstream)
  const stream = open(await dialHttp2(t, tlsPort), { ':method': 'PUT', expect: '100-continue' }, false)
  const answering = answerOf(stream)
  await once(stream, 'continue')
  stream.end('body')
  assert.equal((await answering).body, 'body')
})

test('trailers go both ways', async t => {
  const upstream = await httpApp(t, (req, res) => {
    req.resume().on('end', () => {
      res.writeHead(200, { Trailer: 'X-Sum' })
      res.write('body')
      res.addTrailers({ 'X-Sum': `got ${req.trailers['x-check']}` })
      res.end()
    })
  })
  const { tlsPort } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const stream = session.request(
    { ':authority': 'app.localhost', ':method': 'POST', trailer: 'x-check' },
    { waitForTrailers: true },
  )
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': 'abc' }))
  stream.end('data')
  const answer = await answerOf(stream)
  assert.equal(answer.body, 'body')
  assert.equal(answer.trailers?.['x-sum'], 'got abc')
})

test('a visitor who resets a stream frees the app at once, and the connection goes on', async t => {
  const gone = Promise.withResolvers<void>()
  const upstream = await httpApp(t, (req, res) => {
    if (req.url !== '/slow') return void res.end('fast')
    res.write('begun')
    res.on('close', gone.resolve)
  })
  const { tlsPort, app, records } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const stream = open(session, { ':path': '/slow' })
  await once(stream, 'data')
  stream.close(constants.NGHTTP2_CANCEL)
  await gone.promise
  await app.idle()
  assert.equal(records[0]?.aborted, 'visitor')
  assert.equal((await ask(session)).body, 'fast')
})

test('a visitor who resets a stream while its app wakes is no longer waited for', async t => {
  const { tlsPort, app, records } = await secureStage(t, undefined)
  const session = await dialHttp2(t, tlsPort)
  for (const method of ['GET', 'HEAD']) {
    const stream = open(session, { ':method': method })
    await app.until(({ waiting }) => waiting.size === 1)
    stream.close(constants.NGHTTP2_CANCEL)
    await app.idle()
  }
  assert.deepEqual(
    records.map(({ aborted, status }) => [aborted, status]),
    [
      ['visitor', 0],
      ['visitor', 0],
    ],
  )
})

for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR]) {
  test(`a body that its visitor breaks off with code ${code} does not look whole to the app`, async t => {
    const begun = Promise.withResolvers<void>()
    const over = Promise.withResolvers<boolean>()
    const upstream = await httpApp(t, req => {
      req.on('data', () => begun.resolve())
      req.on('error', () => {})
      req.on('close', () => over.resolve(req.complete))
    })
    const { tlsPort, app } = await secureStage(t, upstream)
    const socket = await dialTls(t, tlsPort, { alpn: ['h2'] })
    socket.write(Buffer.concat([PREFACE, headers(1, POST, false), data(1, 'half')]))
    await begun.promise
    socket.write(reset(1, code))
    assert.equal(await over.promise, false)
    await app.idle()
  })
}

test('an answer that its app breaks off is a reset stream, and the connection goes on', async t => {
  const upstream = await httpApp(t, (req, res) => {
    if (req.url !== '/broken') return void res.end('whole')
    res.write('half')
    setImmediate(() => res.socket?.resetAndDestroy())
  })
  const { tlsPort, records, app } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const broken = await ask(session, { ':path': '/broken' })
  assert.equal(broken.status, 200)
  assert.equal(broken.code, constants.NGHTTP2_INTERNAL_ERROR)
  assert.equal((await ask(session)).body, 'whole')
  await app.until(() => records.length === 2)
  assert.equal(records[0]?.aborted, 'app')
})

for (const framing of [
  'Content-Length: 100\r\n\r\npart',
  'Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
]) {
  test(`an answer that breaks off with its connection is a reset stream too: ${framing.split(':')[0]}`, async t => {
    const upstream = await rawApp(t, async wire => {
      await wire.until('\r\n\r\n')
      wire.write(`HTTP/1.1 200 OK\r\n${framing}`).socket.end()
    })
    const { tlsPort, app } = await secureStage(t, upstream)
    const answer = await ask(await dialHttp2(t, tlsPort))
    assert.deepEqual(
      [answer.status, answer.body, answer.code],
      [200, 'part', constants.NGHTTP2_INTERNAL_ERROR],
    )
    await app.idle()
  })
}

for (const framing of [
  'Content-Length: 3\r\n\r\nbig',
  'Transfer-Encoding: chunked\r\n\r\n3\r\nbig\r\n0\r\n\r\n',
]) {
  test(`an app that answers before the body has ended is heard, and the rest is not wanted: ${framing.split(':')[0]}`, async t => {
    const upstream = await rawApp(t, wire => {
      wire.socket.once('data', () => wire.write(`HTTP/1.1 413 Too Large\r\nConnection: close\r\n${framing}`))
    })
    const { tlsPort, app } = await secureStage(t, upstream)
    const session = await dialHttp2(t, tlsPort)
    const stream = open(session, { ':method': 'POST' }, false)
    stream.write('x'.repeat(1_000_000))
    const answer = await answerOf(stream)
    assert.deepEqual([answer.status, answer.body, answer.code], [413, 'big', 0])
    await app.idle()
    assert.equal(session.destroyed, false)
  })
}

test('what the edge answers itself does not wait for a body either', async t => {
  const { tlsPort } = await secureStage(t, undefined)
  const stream = open(
    await dialHttp2(t, tlsPort),
    { ':method': 'POST', ':authority': 'other.localhost' },
    false,
  )
  const answer = await answerOf(stream)
  assert.deepEqual([answer.status, answer.code], [404, 0])
})

test('the control API is spoken to over HTTP/2', async t => {
  const { tlsPort } = await secureStage(t, undefined, {
    control: (req, res) => {
      let text = ''
      req.on('data', chunk => (text += chunk))
      req.on('end', () => res.writeHead(200, { 'Content-Type': 'text/plain' }).end(`${req.url} ${text}`))
    },
  })
  const session = await dialHttp2(t, tlsPort)
  const stream = open(
    session,
    { ':method': 'POST', ':authority': 'dormice.localhost', ':path': '/v1/apps' },
    false,
  )
  stream.end('{}')
  assert.equal((await answerOf(stream)).body, '/v1/apps {}')
})

test('CONNECT is refused', async t => {
  const { tlsPort } = await secureStage(t, undefined)
  const session = await dialHttp2(t, tlsPort)
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'app.localhost:22' })
  assert.equal((await answerOf(stream)).status, 405)
})

test('headers of more than 16 KiB are a 431, and the connection goes on', async t => {
  const upstream = await httpApp(t, (_, res) => res.end('hello'))
  const { tlsPort } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  assert.equal((await ask(session, { 'x-large': 'x'.repeat(20_000) })).status, 431)
  assert.equal((await ask(session, { 'x-large': 'x'.repeat(15_000) })).status, 200)
})

/** Answers another connection many times over: whatever can flow on one that stands still has flowed then. */
async function meanwhile(t: TestContext, { tlsPort, app }: SecureStage): Promise<void> {
  app.upstream = await httpApp(t, (_, res) => res.end('ok'))
  const session = await dialHttp2(t, tlsPort)
  for (let i = 0; i < 300; i++) await ask(session)
}

test('an answer that nobody reads holds the app back, and is whole in the end', async t => {
  const total = 96 * MIB
  let sent = 0
  const upstream = await httpApp(t, async (_, res) => {
    const chunk = Buffer.alloc(64 * 1024)
    while (sent < total) {
      sent += chunk.length
      if (!res.write(chunk)) await once(res, 'drain')
    }
    res.end()
  })
  const made = await secureStage(t, upstream)
  const stream = open(await dialHttp2(t, made.tlsPort))
  await once(stream, 'response')
  stream.pause()
  await meanwhile(t, made)
  assert.ok(sent < 48 * MIB, `${sent} bytes went ahead`)
  let received = 0
  stream.on('data', chunk => (received += chunk.length)).resume()
  await once(stream, 'end')
  assert.equal(received, total)
})

test('an app slow to read an upload holds the visitor back, and gets every byte', async t => {
  const total = 96 * MIB
  const reading = Promise.withResolvers<void>()
  const upstream = await httpApp(t, async (req, res) => {
    await reading.promise
    let got = 0
    for await (const chunk of req) got += chunk.length
    res.end(String(got))
  })
  const made = await secureStage(t, upstream)
  const stream = open(await dialHttp2(t, made.tlsPort), { ':method': 'PUT' }, false)
  const answering = answerOf(stream)
  let sent = 0
  const all = (async () => {
    const chunk = Buffer.alloc(64 * 1024)
    while (sent < total) {
      sent += chunk.length
      if (!stream.write(chunk)) await once(stream, 'drain')
    }
    stream.end()
  })()
  await made.app.until(({ taken }) => taken === 1)
  await meanwhile(t, made)
  assert.ok(sent < 48 * MIB, `${sent} bytes went ahead`)
  reading.resolve()
  await all
  assert.equal((await answering).body, String(total))
})

test('requests of one connection are answered as they are ready', async t => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const upstream = await httpApp(t, async (req, res) => {
    if (req.url === '/first') await promise
    res.end(req.url)
  })
  const { tlsPort } = await secureStage(t, upstream)
  const session = await dialHttp2(t, tlsPort)
  const first = ask(session, { ':path': '/first' })
  assert.equal((await ask(session, { ':path': '/second' })).body, '/second')
  resolve()
  assert.equal((await first).body, '/first')
})

test('a visitor who floods a connection with requests that they reset is cut off', async t => {
  const { tlsPort, app } = await secureStage(t, undefined)
  const socket = await dialTls(t, tlsPort, { alpn: ['h2'] })
  const closed = once(socket, 'close')
  socket.resume().on('error', () => {})
  const resets = Array.from({ length: 5_000 }, (_, i) => [
    headers(2 * i + 1, POST, true),
    reset(2 * i + 1, constants.NGHTTP2_CANCEL),
  ])
  socket.write(Buffer.concat([PREFACE, ...resets.flat()]))
  await closed
  await app.idle()
})

test('closing tells visitors, lets answers under way finish and then closes their connections', async t => {
  const begun = Promise.withResolvers<(text: string) => void>()
  const upstream = await httpApp(t, (_, res) => {
    res.write('first ')
    begun.resolve(text => res.end(text))
  })
  const { edge, tlsPort } = await secureStage(t, upstream)
  const [busy, idle] = [await dialHttp2(t, tlsPort), await dialHttp2(t, tlsPort)]
  const answering = ask(busy)
  const end = await begun.promise
  const over = Promise.all([once(busy, 'close'), once(idle, 'close')])
  const told = once(busy, 'goaway')
  const closed = edge.close()
  await told
  end('last')
  assert.equal((await answering).body, 'first last')
  await Promise.all([closed, over])
})

test('closing breaks off what does not end in time', async t => {
  const upstream = await httpApp(t, (_, res) => void res.write('for ever'))
  const { edge, tlsPort, app, records } = await secureStage(t, upstream)
  const stream = open(await dialHttp2(t, tlsPort))
  stream.on('error', () => {})
  await once(stream, 'data')
  await edge.close({ drain: 10 })
  await app.idle()
  assert.equal(records[0]?.aborted, 'edge')
})

test('a connection without requests is closed after a while, one with a request is not', async t => {
  const { tlsPort, app } = await secureStage(t, undefined, { limits: { keepAlive: 50 } })
  const idle = await dialHttp2(t, tlsPort)
  const busy = await dialHttp2(t, tlsPort)
  const answering = ask(busy)
  await app.until(({ waiting }) => waiting.size === 1)
  await once(idle, 'close')
  assert.equal(busy.closed, false)
  app.wakeUp(await httpApp(t, (_, res) => res.end('awake')))
  assert.equal((await answering).body, 'awake')
  await once(busy, 'close')
})
