import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Leases } from './leases.ts'

const upstream = { host: '127.0.0.1', port: 8080 }
const patient = { cancellable: true, timeout: 60_000 }

/** Leases, of which one is for an upgraded connection that gives it back when it is revoked. */
function withTunnel() {
  const leases = new Leases(upstream, undefined, () => {})
  const tunnel = leases.take()
  tunnel.revoked.addEventListener('abort', () => tunnel.release())
  return { leases, tunnel }
}

test('a drain waits for requests, then revokes upgraded connections without waiting for them', async () => {
  const { leases, tunnel } = withTunnel()
  const request = leases.take()
  tunnel.upgraded?.()
  const drained = leases.drain(patient)
  assert.equal(tunnel.revoked.aborted, false)
  request.release()
  assert.equal(tunnel.revoked.aborted, true)
  assert.equal(await drained, 'drained')
  assert.equal(leases.out, 0)
})

test('a drain that finds only upgraded connections revokes them at once', async () => {
  const { leases, tunnel } = withTunnel()
  tunnel.upgraded?.()
  assert.equal(await leases.drain(patient), 'drained')
})

test('a request that becomes an upgraded connection during a drain holds it up no longer', async () => {
  const { leases, tunnel } = withTunnel()
  const drained = leases.drain(patient)
  assert.equal(tunnel.revoked.aborted, false)
  tunnel.upgraded?.()
  assert.equal(await drained, 'drained')
})

test('a drain that is cancelled while a request runs leaves upgraded connections alone', async () => {
  const { leases, tunnel } = withTunnel()
  const request = leases.take()
  tunnel.upgraded?.()
  const drained = leases.drain(patient)
  assert.equal(leases.cancel(), true)
  assert.equal(await drained, 'cancelled')
  request.release()
  assert.equal(tunnel.revoked.aborted, false)
})

test('once upgraded connections are revoked, a drain can no longer be cancelled', async () => {
  const leases = new Leases(upstream, undefined, () => {})
  const tunnel = leases.take()
  tunnel.upgraded?.()
  const drained = leases.drain(patient)
  assert.equal(leases.cancel(), false)
  tunnel.release()
  assert.equal(await drained, 'drained')
})

test('who gives a lease back unused leaves the word of the wake to the next request', () => {
  let returned = 0
  const leases = new Leases(upstream, { kind: 'cold', ms: 120 }, () => returned++)
  const unused = leases.take()
  unused.unused?.()
  unused.unused?.()
  const used = leases.take()
  assert.deepEqual(used.wake, { kind: 'cold', ms: 120 })
  used.release()
  used.unused?.()
  assert.equal(leases.take().wake, undefined)
  assert.deepEqual([leases.out, returned], [1, 2])
})

test('connections have no use once nobody is left and nobody comes, and do when a drain is cancelled', async () => {
  const leases = new Leases(upstream, undefined, () => {})
  const lease = leases.take()
  const { over } = lease.upstream
  const cancelled = leases.drain(patient)
  leases.cancel()
  assert.equal(await cancelled, 'cancelled')
  const drained = leases.drain(patient)
  assert.equal(over?.aborted, false)
  lease.release()
  assert.equal(over?.aborted, true)
  assert.equal(await drained, 'drained')
})

test('neither do they when a drain finds nobody', async () => {
  const leases = new Leases(upstream, undefined, () => {})
  const lease = leases.take()
  lease.release()
  assert.equal(await leases.drain(patient), 'drained')
  assert.equal(lease.upstream.over?.aborted, true)
})
