import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cannedApp } from '../fixture.ts'
import { gist, guarded } from './fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const rate = { requests: 2, per: 10_000, burst: 2 }

test('more requests than an address may send are refused, with when to come back; others are not', async t => {
  let now = 1000
  const { upstream } = await cannedApp(t, OK)
  const { app, ask } = await guarded(t, { rate }, upstream, { clock: { now: () => now } })
  assert.equal(gist(await ask('192.0.2.1')), '200')
  assert.equal(gist(await ask('192.0.2.1')), '200')
  const refused = await ask('192.0.2.1')
  assert.equal(gist(refused), '429 rate_limited')
  assert.match(refused, /\r\nRetry-After: 5\r\n/)
  assert.equal(app.taken, 2)
  assert.equal(gist(await ask('192.0.2.2')), '200')
  now += 5000
  assert.equal(gist(await ask('192.0.2.1')), '200')
  assert.equal(gist(await ask('192.0.2.1')), '429 rate_limited')
})

test('an IPv6 network of 64 bits is one visitor', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { ask } = await guarded(t, { rate }, upstream, { clock: { now: () => 1000 } })
  await ask('2001:db8::1')
  await ask('2001:db8:0:0:ffff::2')
  assert.equal(gist(await ask('2001:db8::3')), '429 rate_limited')
  assert.equal(gist(await ask('2001:db8:0:1::1')), '200')
})

test('what was used up stays so when another rule changes, and a new rate begins anew', async t => {
  const { upstream } = await cannedApp(t, OK)
  const { ask, rule } = await guarded(t, { rate }, upstream, { clock: { now: () => 1000 } })
  await ask()
  await ask()
  rule({ rate: { ...rate }, concurrency: 3 })
  assert.equal(gist(await ask()), '429 rate_limited')
  rule({ rate: { ...rate, burst: 1 } })
  assert.equal(gist(await ask()), '200')
  assert.equal(gist(await ask()), '429 rate_limited')
})

test('a flood does not wake an app more than its rate says, and upgrades are counted', async t => {
  const { app, visit, ask } = await guarded(t, { rate: { ...rate, burst: 1 } }, undefined)
  const held = await visit('192.0.2.1')
  await app.until(({ waiting }) => waiting.size === 1)
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']
  assert.equal(gist(await ask('192.0.2.1', ...upgrade)), '429 rate_limited')
  assert.equal(app.waiting.size, 1)
  held.socket.destroy()
  await app.idle()
})
