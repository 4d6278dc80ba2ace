import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { silent } from '../log.ts'
import type { EdgeOptions } from './edge.ts'
import { dial, httpApp, rawApp, stage, type Wire } from './fixture.ts'

const UPLOAD = 'POST / HTTP/1.1\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nsome'
const TO_CONTROL = UPLOAD.replace('app.', 'dormice.')

/** An edge whose control API answers uploads before they are read, and the requests that it says it refused. */
async function refusals(t: TestContext, options: Partial<EdgeOptions> & { app?: 'early' | 'silent' } = {}) {
  const refused: unknown[] = []
  const arrived: Wire[] = []
  const upstream =
    options.app === 'silent'
      ? await rawApp(t, wire => arrived.push(wire))
      : await httpApp(t, (_, res) => res.writeHead(409).end('taken'))
  const { port, app } = await stage(t, upstream, {
    control: (_, res) => res.writeHead(409).end('taken'),
    log: {
      ...silent,
      warn: (event, fields) => void (event === 'edge_request_refused' && refused.push(fields?.['status'])),
    },
    ...options,
  })
  return { visitor: await dial(t, port), refused, app, arrived }
}

for (const [whose, upload] of [
  ['the control API', TO_CONTROL],
  ['an app', UPLOAD],
] as const) {
  test(`a client that ends an upload in the middle once ${whose} has answered it is no refused request`, async t => {
    const { visitor, refused } = await refusals(t)
    await visitor.write(upload).until('taken')
    visitor.socket.end()
    assert.equal(answers(await visitor.end()), 1)
    assert.deepEqual(refused, [])
  })

  test(`what cannot be read in an upload that ${whose} has answered already gets no answer of its own`, async t => {
    const { visitor, refused } = await refusals(t)
    await visitor.write(upload).until('taken')
    visitor.write(' some data!!\r\nnonsense\r\n')
    assert.equal(answers(await visitor.end()), 1)
    assert.deepEqual(refused, [400])
  })
}

test('a client that leaves in the middle of its upload is no refused request', async t => {
  const { visitor, refused, app, arrived } = await refusals(t, { app: 'silent' })
  visitor.write(UPLOAD)
  await app.until(({ out }) => out === 1)
  visitor.socket.end()
  await visitor.end()
  await app.idle()
  assert.deepEqual(refused, [])
  for (const wire of arrived) await wire.end()
})

test('a client that leaves in the middle of a head is no refused request', async t => {
  const { visitor, refused } = await refusals(t)
  visitor.write('GET / HTTP/1.1\r\nHost: app')
  visitor.socket.end()
  await visitor.end()
  assert.deepEqual(refused, [])
})

test('after an upload that was answered early and came whole the next request is answered', async t => {
  const { visitor, refused } = await refusals(t)
  await visitor.write(TO_CONTROL).until('taken')
  visitor.write(' some data!!\r\n0\r\n\r\n')
  visitor.write('GET /next HTTP/1.1\r\nHost: dormice.localhost\r\nConnection: close\r\n\r\n')
  assert.equal(answers(await visitor.end()), 2)
  assert.deepEqual(refused, [])
})

test('what cannot be read after an upload that was answered early and came whole is refused', async t => {
  const { visitor, refused } = await refusals(t)
  await visitor.write(TO_CONTROL).until('taken')
  visitor.write(' some data!!\r\n0\r\n\r\n')
  visitor.write('nonsense\r\n\r\n')
  assert.match(await visitor.end(), /HTTP\/1\.1 400 /)
  assert.deepEqual(refused, [400])
})

/** How many answers came in. */
function answers(received: string): number {
  return received.split('HTTP/1.1 ').length - 1
}
