import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Upstream } from '../apps/lease.ts'
import { Dialer } from './dialer.ts'
import { rawApp } from './fixture.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import type { Line } from './pools.ts'
import { Pools } from './pools.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function lines(t: TestContext): Pools {
  const pools = new Pools(new Dialer(DEFAULT_LIMITS.connectTimeout), DEFAULT_LIMITS)
  t.after(() => pools.destroy())
  return pools
}

/** An app that answers every request, and its ends of the connections to it. */
async function answering(t: TestContext): Promise<{ upstream: Upstream; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const upstream = await rawApp(t, wire => {
    sockets.push(wire.socket)
    wire.socket.on('data', () => wire.write(OK))
  })
  return { upstream, sockets }
}

/** Sends a request; rejects when it comes to nothing. The line is given back as its owner would. */
function ask(line: Line, headers: string[] = []): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  line.client.dispatch(
    { path: '/', method: 'GET', headers },
    {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData() {},
      onResponseEnd() {
        line.free()
        resolve()
      },
      onResponseError(_, error) {
        line.failed()
        reject(error)
      },
    },
  )
  return promise
}

/** Resolves once nothing is kept any more. */
async function forgotten(pools: Pools): Promise<void> {
  for (let turn = 0; turn < 100 && pools.size > 0; turn++) await new Promise(setImmediate)
  assert.equal(pools.size, 0)
}

test('requests one after the other share a connection, those at a time have one each', async t => {
  const pools = lines(t)
  const { upstream, sockets } = await answering(t)
  await ask(pools.take(upstream))
  await ask(pools.take(upstream))
  assert.equal(sockets.length, 1)
  await Promise.all([ask(pools.take(upstream)), ask(pools.take(upstream)), ask(pools.take(upstream))])
  assert.equal(sockets.length, 3)
})

test('an instance whose connections are closed is forgotten', async t => {
  const pools = lines(t)
  const { upstream, sockets } = await answering(t)
  const line = pools.take(upstream)
  await ask(line)
  assert.equal(pools.size, 1)
  const closed = once(line.client, 'disconnect')
  for (const socket of sockets) socket.destroy()
  await closed
  await forgotten(pools)
})

test('one instance after another at the same address has connections of its own', async t => {
  const pools = lines(t)
  const { upstream, sockets } = await answering(t)
  await ask(pools.take(upstream))
  await ask(pools.take({ ...upstream }))
  assert.equal(sockets.length, 2)
  assert.equal(pools.size, 2)
})

test('connections to an instance that is to be stopped are closed by this side, and it is not listened to any longer', async t => {
  const pools = lines(t)
  const over = new AbortController()
  const { upstream, sockets } = await answering(t)
  const stopped = { ...upstream, over: over.signal }
  await Promise.all([ask(pools.take(stopped)), ask(pools.take(stopped))])
  assert.equal(getEventListeners(over.signal, 'abort').length, 1)
  // By itself it would do so later.
  const ended = sockets.map(socket => once(socket, 'end', { signal: AbortSignal.timeout(1_000) }))
  over.abort()
  await Promise.all(ended)
  await forgotten(pools)
  assert.equal(getEventListeners(over.signal, 'abort').length, 0)
})

test('a connection that was closed unnoticed is made anew', async t => {
  const pools = lines(t)
  const { upstream, sockets } = await answering(t)
  await ask(pools.take(upstream))
  const line = pools.take(upstream)
  const closed = once(line.client, 'disconnect')
  sockets[0]?.destroy()
  await closed
  await ask(line)
  assert.equal(sockets.length, 2)
})

test('a request that cannot be sent leaves nothing behind', async t => {
  const pools = lines(t)
  const { upstream, sockets } = await answering(t)
  await assert.rejects(ask(pools.take(upstream), ['X-Odd', 'a\u0000b']), { code: 'UND_ERR_INVALID_ARG' })
  await forgotten(pools)
  assert.equal(sockets.length, 0)
})

test('nobody at the address leaves nothing behind either', async t => {
  const pools = lines(t)
  const { upstream } = await answering(t)
  await assert.rejects(ask(pools.take({ ...upstream, port: 1 })), { code: 'ECONNREFUSED' })
  await forgotten(pools)
})
