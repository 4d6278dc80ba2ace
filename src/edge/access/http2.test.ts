import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpApp, rawApp } from '../fixture.ts'
import { answerOf, ask, dialHttp2, open, secureStage } from '../tls/fixture.ts'

test('over HTTP/2 who is denied is answered on the stream, and the others of the connection go on', async t => {
  const { app, tlsPort } = await secureStage(t, await httpApp(t, (_, res) => res.end('hello')))
  const session = await dialHttp2(t, tlsPort)
  app.rules = { access: { deny: ['127.0.0.1'] } }
  const denied = await ask(session)
  assert.deepEqual([denied.status, denied.headers['x-dormice-error']], [403, 'address_denied'])
  app.rules = { access: { auth: { anna: null } } }
  const asked = await ask(session)
  assert.deepEqual(
    [asked.status, asked.headers['www-authenticate']],
    [401, 'Basic realm="app", charset="UTF-8"'],
  )
  assert.equal(app.taken, 0)
  app.rules = undefined
  assert.equal((await ask(session)).body, 'hello')
})

test('over HTTP/2 a body of unknown length that turns out too large is cut off from the app', async t => {
  const { app, tlsPort } = await secureStage(t, await rawApp(t, () => {}))
  app.rules = { access: { maxBody: 1000 } }
  const session = await dialHttp2(t, tlsPort)
  const stream = open(session, { ':method': 'POST' }, false)
  const answer = answerOf(stream)
  stream.write('x'.repeat(600))
  await app.until(({ out }) => out === 1)
  stream.write('x'.repeat(600))
  stream.end()
  const { status, headers } = await answer
  assert.deepEqual([status, headers['x-dormice-error']], [413, 'body_too_large'])
  await app.idle()
})
