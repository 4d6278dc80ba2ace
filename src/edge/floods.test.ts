import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dial, get, httpApp, stage } from './fixture.ts'

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
