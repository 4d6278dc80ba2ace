import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { cannedApp } from '../fixture.ts'
import { ask, dialHttp2, type StreamAnswer, secureStage } from '../tls/fixture.ts'

/** What a visitor by HTTP/2 is told of what an app answers. */
async function told(t: TestContext, answer: string, headers?: Record<string, string>): Promise<StreamAnswer> {
  const { upstream } = await cannedApp(t, answer)
  const { tlsPort, app } = await secureStage(t, upstream)
  const found = await ask(await dialHttp2(t, tlsPort), headers)
  await app.idle()
  return found
}

const CHUNKS = 'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n'

test('a status that HTTP/2 has not is a 502', async t => {
  const odd = 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok'
  assert.equal((await told(t, odd)).status, 502)
  assert.equal((await told(t, odd, { expect: '100-continue' })).status, 502)
})

test('a header that HTTP/2 forbids is left out of an answer, of an early one and of trailers', async t => {
  const { status, headers, before, trailers } = await told(
    t,
    'HTTP/1.1 103 Early Hints\r\nHTTP2-Settings: x\r\nX-Early: 1\r\n\r\n' +
      `HTTP/1.1 200 OK\r\nHTTP2-Settings: x\r\n${CHUNKS}HTTP2-Settings: x\r\nX-Late: 1\r\n\r\n`,
  )
  assert.equal(status, 200)
  assert.equal(before[0]?.['x-early'], '1')
  assert.equal(trailers?.['x-late'], '1')
  for (const each of [headers, before[0], trailers]) assert.equal(each?.['http2-settings'], undefined)
})

test('headers may be called like what every object has', async t => {
  const { status, before, trailers, code } = await told(
    t,
    'HTTP/1.1 103 Early Hints\r\n__proto__: a\r\nconstructor: b\r\n\r\n' +
      `HTTP/1.1 200 OK\r\n${CHUNKS}__proto__: a\r\nconstructor: b\r\n\r\n`,
  )
  assert.deepEqual([status, code], [200, 0])
  assert.equal(before[0]?.['constructor'], 'b')
  assert.equal(trailers?.['constructor'], 'b')
})

test('of a flood of early hints a visitor gets some, and then the answer', async t => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n'.repeat(2_000)
  const { status, before } = await told(t, `${hints}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`)
  assert.deepEqual([status, before.length], [200, 1_000])
})
