import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { cannedApp, dial, httpApp, rawApp } from '../fixture.ts'
import { gist, guarded } from './fixture.ts'

const post = (...headers: string[]) =>
  ['POST / HTTP/1.1', 'Host: app.localhost', 'Connection: close', ...headers, '', ''].join('\r\n')
const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`

test('a body that says it is too large is refused before any of it is read, and wakes nothing', async t => {
  const { app, port } = await guarded(t, { maxBody: 1000 }, undefined, { limits: { linger: 50 } })
  const visitor = (await dial(t, port)).write(post('Content-Length: 1001'))
  const answer = await visitor.end()
  assert.equal(gist(answer), '413 body_too_large')
  assert.match(answer, /larger than this app accepts, which is 1000 bytes/)
  assert.equal(app.taken + app.waiting.size, 0)
})

test('who waits to be asked for it is not asked', async t => {
  const { port } = await guarded(t, { maxBody: 1000 }, undefined, { limits: { linger: 50 } })
  const visitor = (await dial(t, port)).write(post('Content-Length: 1001', 'Expect: 100-continue'))
  const answer = await visitor.end()
  assert.equal(gist(answer), '413 body_too_large')
  assert.doesNotMatch(answer, /100 Continue/)
})

test('bodies up to the bound arrive whole, with a length and in chunks', async t => {
  const upstream = await httpApp(t, async (req, res) => {
    let got = 0
    for await (const part of req) got += part.length
    res.end(`got ${got}`)
  })
  const { port } = await guarded(t, { maxBody: 1000 }, upstream)
  const sized = (await dial(t, port)).write(post('Content-Length: 1000')).write('x'.repeat(1000))
  assert.match(await sized.end(), /got 1000$/m)
  const chunked = (await dial(t, port)).write(post('Transfer-Encoding: chunked'))
  chunked.write(chunk(600)).write(chunk(400)).write('0\r\n\r\n')
  assert.match(await chunked.end(), /got 1000/)
})

for (const [kind, ...more] of [
  ['in chunks'],
  ['with trailers', 'Trailer: X-Sum'],
  ['that was asked for', 'Expect: 100-continue'],
] as const) {
  test(`a body ${kind} that turns out too large is cut off from the app, and the lease comes back`, async t => {
    const cut = Promise.withResolvers<string>()
    const upstream = await rawApp(t, async wire => {
      const head = await wire.until('\r\n\r\n')
      if (head.includes('Expect: 100-continue')) wire.write('HTTP/1.1 100 Continue\r\n\r\n')
      cut.resolve(await wire.end())
    })
    const { app, port, records } = await guarded(t, { maxBody: 1000 }, upstream)
    const visitor = (await dial(t, port)).write(post('Transfer-Encoding: chunked', ...more))
    visitor.write(chunk(600))
    await app.until(({ out }) => out === 1)
    visitor.write(chunk(600))
    const answer = await visitor.until('body_too_large')
    assert.match(answer, /HTTP\/1\.1 413 /)
    await app.idle()
    assert.doesNotMatch(await cut.promise, /\r\n0\r\n/, 'the app was told that the body is whole')
    visitor.socket.destroy()
    await once(visitor.socket, 'close')
    assert.deepEqual(
      records.map(({ status, code, aborted }) => ({ status, code, aborted })),
      [{ status: 413, code: 'body_too_large', aborted: 'edge' }],
    )
  })
}

test('an answer that has begun is cut off, so that it cannot pass for a whole one', async t => {
  const { upstream } = await cannedApp(t, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n')
  const { port, app } = await guarded(t, { maxBody: 1000 }, upstream)
  const visitor = (await dial(t, port)).write(post('Transfer-Encoding: chunked')).write(chunk(600))
  await visitor.until('ok')
  visitor.write(chunk(600))
  const answer = await visitor.end()
  assert.doesNotMatch(answer, /0\r\n\r\n$/)
  await app.idle()
})

test('the body of a request that is held for a wake stays with the visitor', async t => {
  const { app, port } = await guarded(t, { maxBody: 1000 }, undefined)
  const visitor = (await dial(t, port)).write(post('Transfer-Encoding: chunked')).write(chunk(2000))
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp(await rawApp(t, () => {}))
  await visitor.until('body_too_large')
  await app.idle()
})
