import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannedApp, dial, get } from '../fixture.ts'
import { gist, guarded } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('a denied visitor wakes nothing, takes no lease, and is on record', async t => {
  const { app, ask, records } = await guarded(t, { deny: ['192.0.2.0/24'] }, undefined)
  assert.equal(gist(await ask('192.0.2.1')), '403 address_denied')
  app.wakeUp((await cannedApp(t, OK)).upstream)
  assert.equal(gist(await ask('192.0.2.1')), '403 address_denied')
  assert.deepEqual({ taken: app.taken, waiting: app.waiting.size }, { taken: 0, waiting: 0 })
  assert.equal(gist(await ask('198.51.100.1')), '200')
  assert.equal(app.taken, 1)
  assert.deepEqual(
    records.map(({ status, code, visitor }) => ({ status, code, visitor })),
    [
      { status: 403, code: 'address_denied', visitor: '192.0.2.1' },
      { status: 403, code: 'address_denied', visitor: '192.0.2.1' },
      { status: 200, code: undefined, visitor: '198.51.100.1' },
    ],
  )
})

test('where some are allowed only they come, and whoever is denied does not', async t => {
  const { upstream } = await cannedApp(t, OK)
  const rules = { allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.1.0.0/16', '2001:db8:bad::/48'] }
  const { ask } = await guarded(t, rules, upstream)
  const visits = [
    ['10.2.3.4', '200'],
    ['10.1.3.4', '403 address_denied'],
    ['192.0.2.1', '403 address_denied'],
    ['2001:db8::1', '200'],
    ['2001:db8:bad::1', '403 address_denied'],
    ['2001:db9::1', '403 address_denied'],
    ['::ffff:10.1.3.4', '403 address_denied'],
    ['::ffff:a01:304', '403 address_denied'],
  ] as const
  for (const [from, told] of visits) assert.equal(gist(await ask(from)), told, from)
})

test('an empty list allows everybody', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { ask } = await guarded(t, { allow: [] }, upstream)
  assert.equal(gist(await ask('192.0.2.1')), '200')
})

test('who is no proxy of ours cannot say that a request comes from elsewhere', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { ask } = await guarded(t, { allow: ['10.0.0.0/8'] }, upstream, { trust: undefined })
  assert.equal(gist(await ask('10.0.0.1')), '403 address_denied')
})

test('rules that change apply to the next request, also on a connection that is open', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { port, rule } = await guarded(t, { allow: ['127.0.0.1'] }, upstream, { trust: undefined })
  const visitor = (await dial(t, port)).write(get('/'))
  await visitor.until('ok')
  rule({ deny: ['127.0.0.0/8'] })
  visitor.write(get('/'))
  await visitor.until('address_denied')
  rule(undefined)
  visitor.received = ''
  visitor.write(get('/'))
  await visitor.until('200 OK')
})

test('rules that change apply to who is held as well, and count nobody twice', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { app, visit, rule } = await guarded(t, { rate: { requests: 1, per: 60_000, burst: 1 } }, undefined)
  const stranger = await visit('192.0.2.1')
  const friend = await visit('10.0.0.1')
  await app.until(({ waiting }) => waiting.size === 2)
  rule({ allow: ['10.0.0.0/8'], rate: { requests: 1, per: 60_000, burst: 1 } })
  app.wakeUp(upstream)
  assert.equal(gist(await stranger.end()), '403 address_denied')
  assert.equal(gist(await friend.end()), '200')
  assert.equal(wires.length, 1)
})

test('who is held while an app without rules gets some goes through them', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { app, visit, rule } = await guarded(t, {}, undefined)
  rule(undefined)
  const stranger = await visit('192.0.2.1')
  await app.until(({ waiting }) => waiting.size === 1)
  rule({ deny: ['192.0.2.0/24'] })
  app.wakeUp(upstream)
  assert.equal(gist(await stranger.end()), '403 address_denied')
  assert.equal(wires.length, 0)
})

test('an upgrade is refused as any request is', async t => {
  const { app, visit, records } = await guarded(t, { deny: ['::/0'] }, undefined)
  const head = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x']
  const visitor = await visit('2001:db8::1', ...head)
  assert.equal(gist(await visitor.end()), '403 address_denied')
  assert.equal(app.waiting.size + app.taken, 0)
  assert.deepEqual(
    records.map(({ status, code }) => ({ status, code })),
    [{ status: 403, code: 'address_denied' }],
  )
})

test('who waits to be asked for the body is refused without being asked', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { visit } = await guarded(t, { deny: ['192.0.2.1'] }, upstream, { limits: { linger: 50 } })
  const visitor = await visit('192.0.2.1', 'Expect: 100-continue', 'Content-Length: 5')
  const answer = await visitor.end()
  assert.equal(gist(answer), '403 address_denied')
  assert.doesNotMatch(answer, /100 Continue/)
  assert.equal(wires.length, 0)
})

test('what an app ignores is answered to nobody who may not come, be it asleep or awake', async t => {
  const { app, ask } = await guarded(t, {}, undefined)
  app.rules = { access: { deny: ['192.0.2.0/24'] }, ignore: { paths: ['/'] } }
  assert.equal(gist(await ask('192.0.2.1')), '403 address_denied')
  assert.match(await ask('198.51.100.1'), /\r\nX-Dormice-Ignored: asleep\r\n/)
  app.wakeUp((await cannedApp(t, OK)).upstream)
  assert.equal(gist(await ask('192.0.2.1')), '403 address_denied')
  assert.equal(app.takenQuietly, 0)
})

test('the answer is a page for a browser and a problem for a program', async t => {
  const { ask } = await guarded(t, { deny: ['0.0.0.0/0'] }, undefined)
  assert.match(await ask('192.0.2.1', 'Accept: text/html'), /<h1>403 Forbidden<\/h1>/)
  const problem = (await ask('192.0.2.1', 'Accept: application/json')).split('\r\n\r\n')[1] ?? ''
  assert.equal(JSON.parse(problem).code, 'address_denied')
})
