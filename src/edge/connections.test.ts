import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Refused } from './connections.ts'
import { Connections } from './connections.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'

type Visit = { visitor: Socket; socket: Socket; refused: Refused | undefined }

/** A server that takes connections in under small limits; `visit` resolves to its end of one. */
async function served(t: TestContext, limits: Partial<Limits>, isProxy = (_: string) => false) {
  const connections = new Connections({ ...DEFAULT_LIMITS, ...limits }, isProxy)
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    connections.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const visit = async (localAddress = '127.0.0.2'): Promise<Visit> => {
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const visitor = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
    t.after(() => visitor.destroy())
    const [socket] = await accepted
    return { visitor, socket, refused: connections.add(socket) }
  }
  return { connections, visit }
}

async function leave({ socket }: Visit): Promise<void> {
  const closed = once(socket, 'close')
  socket.destroy()
  await closed
}

test('an address has its share of connections and no more, and room again when one closes', async t => {
  const { visit } = await served(t, { connectionsOfOne: 2 })
  const first = await visit('127.0.0.2')
  assert.equal(first.refused, undefined)
  assert.equal((await visit('127.0.0.2')).refused, undefined)
  const third = await visit('127.0.0.2')
  assert.equal(third.refused, 'address')
  assert.ok(third.socket.destroyed)
  assert.equal((await visit('127.0.0.3')).refused, undefined)
  await leave(first)
  assert.equal((await visit('127.0.0.2')).refused, undefined)
})

test('a proxy has as many connections as there may be', async t => {
  const { visit } = await served(
    t,
    { connectionsOfOne: 1, connections: 5 },
    address => address === '127.0.0.2',
  )
  for (let n = 0; n < 5; n++) assert.equal((await visit('127.0.0.2')).refused, undefined)
  assert.equal((await visit('127.0.0.2')).refused, 'total')
})

test('there are no more connections in all than may be, and room again when one closes', async t => {
  const { visit } = await served(t, { connections: 2 })
  const first = await visit('127.0.0.2')
  await visit('127.0.0.3')
  assert.equal((await visit('127.0.0.4')).refused, 'total')
  await leave(first)
  assert.equal((await visit('127.0.0.4')).refused, undefined)
})

test('a connection is closed when nothing came in on it and nothing was answered for as long as one is kept', async t => {
  const { connections, visit } = await served(t, { keepAlive: 100 })
  const [idle, used, busy] = [await visit(), await visit(), await visit()]
  const look = (now: number) => connections.expire(new Set([busy.socket]), now)
  look(0)
  used.visitor.write('something')
  await once(used.socket, 'data')
  look(50)
  look(99)
  assert.equal(idle.socket.writable, true)
  look(100)
  assert.equal(idle.socket.writable, false)
  assert.equal(used.socket.writable, true)
  look(150)
  assert.equal(used.socket.writable, false)
  look(1_000)
  assert.equal(busy.socket.writable, true)
})

test('a connection that was closed from here and takes no more is given up after as long again', async t => {
  const { connections, visit } = await served(t, { keepAlive: 100 })
  const { socket, visitor } = await visit()
  visitor.pause()
  socket.write(Buffer.alloc(64 * 1024 * 1024))
  connections.expire(new Set(), 0)
  connections.expire(new Set(), 100)
  connections.expire(new Set(), 110)
  assert.equal(socket.writableEnded, true)
  assert.equal(socket.destroyed, false)
  connections.expire(new Set(), 210)
  assert.equal(socket.destroyed, true)
})

test('the time that an answer took does not count as idle', async t => {
  const { connections, visit } = await served(t, { keepAlive: 100 })
  const { socket } = await visit()
  connections.expire(new Set(), 0)
  connections.expire(new Set([socket]), 90)
  connections.expire(new Set(), 180)
  connections.expire(new Set(), 270)
  assert.equal(socket.writable, true)
  connections.expire(new Set(), 280)
  assert.equal(socket.writable, false)
})
