import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Network, Networks, parseNetwork } from './networks.ts'

const networks = (...texts: string[]) =>
  new Networks(texts.map(parseNetwork).filter((each): each is Network => each !== undefined))

test('a network of one family has no address of the other, be it all of that family', () => {
  assert.ok(networks('::/0').has('2001:db8::1'))
  assert.ok(!networks('::/0').has('192.0.2.1'))
  assert.ok(networks('0.0.0.0/0').has('192.0.2.1'))
  assert.ok(!networks('0.0.0.0/0').has('2001:db8::1'))
})

test('an IPv4 address is the same written as an IPv6 one, and so is a network', () => {
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:a01:203']) {
    assert.ok(networks('10.0.0.0/8').has(address), address)
    assert.ok(networks('::ffff:10.0.0.0/104').has(address), address)
    assert.ok(!networks('::ffff:11.0.0.0/104', '192.0.2.0/24').has(address), address)
  }
})

test('bits behind the prefix do not matter', () => {
  assert.ok(networks('10.1.2.3/8').has('10.9.9.9'))
  assert.ok(networks('2001:db8::1/32').has('2001:db8:ffff::'))
})
