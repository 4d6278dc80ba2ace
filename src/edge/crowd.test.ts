import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crowd, isLoopback } from './crowd.ts'

test('an address has as many connections as it may, and another when one is closed', () => {
  const crowd = new Crowd(2)
  assert.deepEqual(
    [crowd.enter('10.0.0.1'), crowd.enter('10.0.0.1'), crowd.enter('10.0.0.1')],
    [true, true, false],
  )
  assert.equal(crowd.enter('10.0.0.2'), true)
  crowd.leave('10.0.0.1')
  assert.equal(crowd.enter('10.0.0.1'), true)
})

test('an IPv6 network of 64 bits is one visitor, and an IPv4 address over IPv6 is itself', () => {
  const crowd = new Crowd(1)
  assert.equal(crowd.enter('2001:db8:0:1::1'), true)
  assert.equal(crowd.enter('2001:db8:0:1:ffff:1:2:3'), false)
  assert.equal(crowd.enter('2001:db8:0:2::1'), true)
  assert.equal(crowd.enter('2001:db8::1'), true)
  assert.equal(crowd.enter('2001:db8::2:0:0:1'), false)
  assert.equal(crowd.enter('fe80::1%eth0'), true)
  assert.equal(crowd.enter('::ffff:10.0.0.1'), true)
  assert.equal(crowd.enter('10.0.0.1'), false)
})

test('nothing is kept of addresses whose connections are closed', () => {
  const crowd = new Crowd(5)
  for (let n = 0; n < 250; n++) crowd.enter(`10.0.0.${n}`)
  for (let n = 0; n < 250; n++) crowd.leave(`10.0.0.${n}`)
  assert.equal(crowd.size, 0)
})

test('loopback is what only this machine connects by', () => {
  for (const address of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(address), address)
  for (const address of ['10.0.0.1', '::2', '128.0.0.1', '172.17.0.1', 'unknown'])
    assert.ok(!isLoopback(address), address)
})
