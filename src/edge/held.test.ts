import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../problem.ts'
import type { Wire } from './fixture.ts'
import { cannedApp, dial, get, httpApp, rawApp, stage } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('a request to a sleeping app is held and answered after the wake, which both sides are told of', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { app, port, records } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get('/first')).write(get('/second'))
  await app.until(({ waiting }) => waiting.size === 2)
  app.wakeUp(upstream, { kind: 'cold', ms: 120.4 })
  const answers = await visitor.until('ok')
  assert.match(answers, /\r\nServer-Timing: wake;desc=cold;dur=120\r\n/)
  await app.idle()
  const sent = wires.map(wire => wire.received).join('')
  assert.equal(sent.match(/X-Dormice-Wake: cold;dur=120\r\n/g)?.length, 1)
  assert.deepEqual(
    records.map(({ path, status, first }) => ({ path, status, first })),
    [
      { path: '/first', status: 200, first: true },
      { path: '/second', status: 200, first: false },
    ],
  )
})

test('the first request after a wake that nobody asked for is told of it as well, and only that', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { app, port, records } = await stage(t, undefined)
  app.wakeUp(upstream, { kind: 'cold', ms: 77.5 })
  const visitor = await dial(t, port)
  assert.match(await visitor.write(get()).until('ok'), /\r\nServer-Timing: wake;desc=cold;dur=78\r\n/)
  visitor.received = ''
  assert.doesNotMatch(await visitor.write(get()).until('ok'), /Server-Timing/)
  await app.idle()
  assert.equal(wires[0]!.received.match(/X-Dormice-Wake: cold;dur=78\r\n/g)?.length, 1)
  assert.deepEqual(
    records.map(({ first, wakeMs }) => ({ first, wakeMs })),
    [
      { first: true, wakeMs: undefined },
      { first: false, wakeMs: undefined },
    ],
  )
})

test('a request that asks before it sends its body is told of the wake too', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { app, port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write('PUT / HTTP/1.1\r\nHost: app.localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(upstream, { kind: 'frozen', ms: 9 })
  assert.match(await visitor.until('ok'), /\r\nServer-Timing: wake;desc=frozen;dur=9\r\n/)
  assert.match(wires[0]!.received, /\r\nX-Dormice-Wake: frozen;dur=9\r\n/)
  visitor.socket.destroy()
})

test('a second try after the wake is told of it again: it is the first that arrives', async t => {
  const wires: Wire[] = []
  const upstream = await rawApp(t, async wire => {
    wires.push(wire)
    await wire.until('\r\n\r\n')
    if (wires.length === 1) wire.socket.resetAndDestroy()
    else wire.write(OK)
  })
  const { app, port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get())
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(upstream, { kind: 'cold', ms: 120 })
  assert.match(await visitor.until('ok'), /\r\nServer-Timing: wake;desc=cold;dur=120\r\n/)
  for (const wire of wires) assert.match(wire.received, /\r\nX-Dormice-Wake: cold;dur=120\r\n/)
})

test('two hundred held requests are all answered', async t => {
  const upstream = await httpApp(t, (req, res) => res.end(req.url))
  const { app, port } = await stage(t, undefined)
  const visitors = await Promise.all(Array.from({ length: 200 }, () => dial(t, port)))
  visitors.forEach((visitor, i) => {
    visitor.write(get(`/${i}`, 'Connection: close'))
  })
  await app.until(({ waiting }) => waiting.size === 200)
  app.wakeUp(upstream)
  const received = await Promise.all(visitors.map(visitor => visitor.end()))
  received.forEach((text, i) => {
    assert.ok(text.startsWith('HTTP/1.1 200 OK') && text.includes(`/${i}`), text)
  })
})

test('the body of a held request stays with the visitor until there is an instance, then arrives whole', async t => {
  const size = 8 * 1024 * 1024
  const upstream = await httpApp(t, async (req, res) => {
    let got = 0
    for await (const chunk of req) got += chunk.length
    res.end(`got ${got}`)
  })
  const { app, port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.socket.write(`POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: ${size}\r\n\r\n`)
  visitor.socket.write(Buffer.alloc(size))
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(upstream)
  await visitor.until(`got ${size}`)
})

test('a visitor who leaves while held frees the place', async t => {
  const { app, port, records } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get())
  await app.until(({ waiting }) => waiting.size === 1)
  visitor.socket.destroy()
  await app.until(({ waiting }) => waiting.size === 0)
  assert.equal(app.taken, 0)
  assert.deepEqual(
    records.map(({ status, aborted }) => ({ status, aborted })),
    [{ status: 0, aborted: 'visitor' }],
  )
})

test('pipelined requests behind a held one free their places too when the visitor leaves', async t => {
  const { app, port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get('/1') + get('/2') + get('/3'))
  await app.until(({ waiting }) => waiting.size === 3)
  visitor.socket.destroy()
  await app.until(({ waiting }) => waiting.size === 0)
})

test('a lease that comes just after the visitor left goes straight back', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { app, port } = await stage(t, undefined)
  const late = Promise.withResolvers<void>()
  app.acquire = async signal => {
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    app.upstream = upstream
    const lease = app.lease()!
    late.resolve()
    return lease
  }
  const visitor = await dial(t, port)
  visitor.write(get())
  visitor.socket.end()
  await late.promise
  await app.idle()
  assert.equal(wires.length, 0)
})

const CRASHED = new Problem({
  code: 'app_crashed',
  status: 503,
  detail: 'exit code 1: SECRET=hush',
  retryAfter: 4.2,
  data: { log: ['hush'] },
})

async function refused(t: Parameters<typeof stage>[0], error: unknown, request: string): Promise<string> {
  const { app, port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(request)
  await app.until(({ waiting }) => waiting.size === 1)
  app.refuse(error)
  return visitor.end()
}

test('a wake that fails is answered with its status, code and Retry-After, and tells no internals', async t => {
  const answer = await refused(t, CRASHED, get('/', 'Connection: close'))
  assert.match(answer, /^HTTP\/1\.1 503 /)
  assert.match(answer, /\r\nX-Dormice-Error: app_crashed\r\n/)
  assert.match(answer, /\r\nRetry-After: 5\r\n/)
  assert.match(answer, /\r\nCache-Control: no-store\r\n/)
  assert.match(answer, /\r\nContent-Type: text\/plain; charset=utf-8\r\n/)
  assert.doesNotMatch(answer, /hush|exit code/)
})

test('a browser gets a page, a JSON client a problem document', async t => {
  const page = await refused(
    t,
    CRASHED,
    get('/', 'Connection: close', 'Accept: text/html,application/json;q=0.9'),
  )
  assert.match(page, /\r\nContent-Type: text\/html; charset=utf-8\r\n.*<!doctype html>/s)
  const json = await refused(t, CRASHED, get('/', 'Connection: close', 'Accept: application/json, text/html'))
  assert.match(json, /\r\nContent-Type: application\/problem\+json\r\n/)
  const { code, status } = JSON.parse(json.slice(json.indexOf('\r\n\r\n')))
  assert.deepEqual({ code, status }, { code: 'app_crashed', status: 503 })
})

test('HEAD gets the head of a refusal only, and its connection goes on', async t => {
  const { app, port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  visitor.write(get().replace('GET', 'HEAD'))
  await app.until(({ waiting }) => waiting.size === 1)
  app.refuse(CRASHED)
  assert.match(await visitor.until('\r\n\r\n'), /503.*\r\n\r\n$/s)
})

test('an unexpected error is a bare 500', async t => {
  const answer = await refused(t, new TypeError('hush'), get('/', 'Connection: close'))
  assert.match(answer, /^HTTP\/1\.1 500 .*X-Dormice-Error: internal/s)
  assert.doesNotMatch(answer, /hush/)
})

test('a refusal reaches a visitor who is still sending a large body', async t => {
  const { app, port } = await stage(t, undefined)
  const visitor = await dial(t, port)
  const size = 4 * 1024 * 1024
  visitor.socket.write(`POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: ${size}\r\n\r\n`)
  visitor.socket.write(Buffer.alloc(size - 1))
  await app.until(({ waiting }) => waiting.size === 1)
  app.refuse(CRASHED)
  await visitor.until('X-Dormice-Error: app_crashed')
  // The rest of the body ends the request, and the connection is good for another.
  visitor.socket.write('x')
  app.upstream = (await cannedApp(t, OK)).upstream
  visitor.write(get())
  await visitor.until('\r\n\r\nok')
})
