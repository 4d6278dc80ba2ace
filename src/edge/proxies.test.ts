import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Network, Networks, parseNetwork, plainAddress } from '../networks.ts'
import { cannedApp, dial, get, stage } from './fixture.ts'
import { Proxies } from './proxies.ts'

const trusting = (...networks: string[]) =>
  new Networks(networks.map(parseNetwork).filter((each): each is Network => each !== undefined))

test('networks are addresses and CIDR blocks of both families, and nothing else', () => {
  assert.deepEqual(parseNetwork('10.0.0.0/8'), { address: '10.0.0.0', prefix: 8, family: 'ipv4' })
  assert.deepEqual(parseNetwork('fd00::/8'), { address: 'fd00::', prefix: 8, family: 'ipv6' })
  assert.deepEqual(parseNetwork('192.0.2.1'), { address: '192.0.2.1', prefix: 32, family: 'ipv4' })
  for (const wrong of ['', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'localhost', '10.0.0.0/-1', 'fe80::1%lo'])
    assert.equal(parseNetwork(wrong), undefined, wrong)
})

test('an IPv4 visitor of an IPv6 socket is known by the IPv4 address', () => {
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(plainAddress('2001:db8::1'), '2001:db8::1')
  assert.ok(trusting('192.0.2.0/24').has(plainAddress('::ffff:192.0.2.1')))
})

test('the visitor is the last address that no proxy of ours has, whatever stands before it', () => {
  const proxies = new Proxies(trusting('10.0.0.0/8', 'fd00::/8'))
  assert.equal(proxies.visitor('10.0.0.1', '198.51.100.1, 203.0.113.9, 10.0.0.2'), '203.0.113.9')
  assert.equal(proxies.visitor('fd00::1', '2001:db8::1'), '2001:db8::1')
  assert.equal(proxies.visitor('10.0.0.1', undefined), '10.0.0.1')
  assert.equal(proxies.visitor('10.0.0.1', '10.0.0.7'), '10.0.0.7')
  assert.equal(proxies.visitor('10.0.0.1', '203.0.113.9, junk'), '10.0.0.1')
  assert.equal(proxies.visitor('192.0.2.1', '198.51.100.1'), '192.0.2.1')
})

/** What the app is told of a request's origin, lower-cased lines. */
async function told(t: Parameters<typeof stage>[0], trust: Networks | undefined, ...headers: string[]) {
  const { upstream, wires } = await cannedApp(t, 'HTTP/1.1 204 No Content\r\n\r\n')
  const { port } = await stage(t, upstream, { trust })
  const visitor = (await dial(t, port)).write(get('/', ...headers))
  await visitor.until('\r\n\r\n')
  const head = wires[0]?.received ?? ''
  return head
    .toLowerCase()
    .split('\r\n')
    .filter(line => /^(x[-_]forwarded|forwarded|x-real)/.test(line))
}

test('what a proxy of ours says of the origin reaches the app, with the proxy added', async t => {
  const lines = await told(
    t,
    trusting('127.0.0.1'),
    'X-Forwarded-For: 203.0.113.9',
    'X-Forwarded-Proto: https',
    'X_Forwarded_Proto: http',
    'X-Forwarded-Port: 443',
    'Forwarded: for=203.0.113.9;proto=https',
  )
  assert.deepEqual(lines.toSorted(), [
    'forwarded: for=203.0.113.9;proto=https',
    'x-forwarded-for: 203.0.113.9, 127.0.0.1',
    'x-forwarded-host: app.localhost',
    'x-forwarded-port: 443',
    'x-forwarded-proto: https',
  ])
})

test('what anybody else says of the origin does not', async t => {
  const lines = await told(t, trusting('10.0.0.0/8'), 'X-Forwarded-For: 203.0.113.9', 'Forwarded: for=x')
  assert.deepEqual(lines.toSorted(), [
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-host: app.localhost',
    'x-forwarded-proto: http',
  ])
})
