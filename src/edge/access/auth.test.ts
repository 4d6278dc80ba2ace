import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { silent } from '../../log.ts'
import { hashPassword } from '../../passwords.ts'
import type { AccessRecord } from '../context.ts'
import { cannedApp } from '../fixture.ts'
import { gist, guarded } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const AGREED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'
const login = (user: string, password: string) =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

let auth: Record<string, string>
before(async () => {
  auth = { anna: await hashPassword('correct horse') }
})

test('without the right password an app stays asleep; with it, it wakes', async t => {
  const { app, ask, visit } = await guarded(t, { auth }, undefined)
  const answer = await ask()
  assert.equal(gist(answer), '401 credentials_required')
  assert.match(answer, /\r\nWWW-Authenticate: Basic realm="app", charset="UTF-8"\r\n/)
  assert.equal(gist(await ask('192.0.2.1', login('anna', 'hunter22'))), '401 credentials_required')
  assert.equal(app.waiting.size + app.taken, 0)
  const visitor = await visit('192.0.2.1', login('anna', 'correct horse'))
  await app.until(({ waiting }) => waiting.size === 1)
  app.wakeUp((await cannedApp(t, OK)).upstream)
  assert.equal(gist(await visitor.end()), '200')
})

test('the app does not see a password that was for the edge, and sees one that was for itself', async t => {
  const { upstream, wires } = await cannedApp(t, OK)
  const { ask, rule } = await guarded(t, { auth }, upstream)
  await ask('192.0.2.1', login('anna', 'correct horse'), 'X-Kept: yes')
  rule({ concurrency: 5 })
  await ask('192.0.2.1', login('anna', 'for the app'))
  const [first = '', second = ''] = wires.flatMap(({ received }) => received.split(/(?<=\r\n\r\n)/))
  assert.doesNotMatch(first, /authorization/i)
  assert.match(first, /\r\nX-Kept: yes\r\n/)
  assert.match(second, /\r\nAuthorization: Basic /)
})

test('a changed password applies at once', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { ask, rule } = await guarded(t, { auth }, upstream)
  const told = ['192.0.2.1', login('anna', 'correct horse')] as const
  assert.equal(gist(await ask(...told)), '200')
  rule({ auth: { anna: await hashPassword('battery staple') } })
  assert.equal(gist(await ask(...told)), '401 credentials_required')
  rule({ auth: { anna: null } })
  assert.equal(gist(await ask(...told)), '401 credentials_required')
})

test('after too many wrong passwords an address is told to wait, and no other', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { ask } = await guarded(t, { auth }, upstream, { clock: { now: () => 1000 } })
  for (let n = 0; n < 10; n++) await ask('2001:db8::1', login('anna', `wrong ${n}`))
  const answer = await ask('2001:db8::2', login('anna', 'wrong'))
  assert.equal(gist(answer), '429 too_many_attempts')
  assert.match(answer, /\r\nRetry-After: 6\r\n/)
  assert.equal(gist(await ask('2001:db8:0:1::1', login('anna', 'correct horse'))), '200')
})

test('an upgrade and a request that waits to send its body need the password too', async t => {
  const { upstream } = await cannedApp(t, AGREED)
  const { visit } = await guarded(t, { auth }, upstream, { limits: { linger: 50 } })
  const upgrade = ['Connection: Upgrade', 'Upgrade: echo']
  assert.equal(gist(await (await visit('192.0.2.1', ...upgrade)).end()), '401 credentials_required')
  const joined = await visit('192.0.2.1', ...upgrade, login('anna', 'correct horse'))
  assert.equal(gist(await joined.until('\r\n\r\n')), '101')
  joined.socket.destroy()
  const expecting = await visit('192.0.2.1', 'Expect: 100-continue', 'Content-Length: 5')
  const answer = await expecting.end()
  assert.equal(gist(answer), '401 credentials_required')
  assert.doesNotMatch(answer, /100 Continue/)
})

test('who leaves while the password is checked takes no lease', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { app, visit, ask, records } = await guarded(t, { auth }, upstream)
  const visitor = await visit('192.0.2.1', login('anna', 'correct horse'))
  visitor.socket.destroy()
  // Checked after it.
  assert.equal(gist(await ask('192.0.2.1', login('anna', 'wrong'))), '401 credentials_required')
  assert.equal(app.taken, 0)
  assert.deepEqual(
    records.map(({ status, aborted }) => ({ status, aborted })),
    [
      { status: 0, aborted: 'visitor' },
      { status: 401, aborted: undefined },
    ],
  )
})

test('no password is in the log or in an access record', async t => {
  const told: unknown[] = []
  const tell = (...line: unknown[]) => told.push(line)
  const log = {
    ...silent,
    warn: tell,
    error: tell,
    info: tell,
    access: (record: AccessRecord) => tell(record),
  }
  const { upstream } = await cannedApp(t, OK)
  const { ask } = await guarded(t, { auth }, upstream, { log })
  await ask('192.0.2.1', login('anna', 'correct horse'))
  await ask('192.0.2.1', login('anna', 'hunter22'))
  assert.equal(told.length, 2)
  const secrets = ['correct horse', 'hunter22', 'anna'].flatMap(text => [text, btoa(text).slice(0, 5)])
  for (const secret of secrets) assert.ok(!JSON.stringify(told).includes(secret), secret)
})
