import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { DEFAULT_LIMITS } from './limits.ts'
import { Standstill } from './standstill.ts'

const limits = { ...DEFAULT_LIMITS, bodyTimeout: 1_000, unreadTimeout: 1_000 }

/** A request whose body is read, unless told otherwise, and looks at it. */
function looking({ flowing = true, headersSent = false } = {}) {
  const socket = { bytesRead: 0, bytesWritten: 0, writableLength: 0 }
  const req = { socket, complete: false, readableFlowing: flowing }
  const res = { headersSent, socket: headersSent ? socket : null }
  const standstill = new Standstill()
  const look = (now: number) =>
    standstill.ofVisitor(req as unknown as IncomingMessage, res as unknown as ServerResponse, limits, now)
  return { socket, req, res, look }
}

test('a body of which a byte comes now and then goes on for ever', () => {
  const { socket, look } = looking()
  for (let now = 0; now < 100_000; now += 900) {
    socket.bytesRead++
    assert.equal(look(now), undefined)
  }
})

test('a body of which nothing comes for too long has stalled', () => {
  const { look } = looking()
  assert.deepEqual([look(0), look(1_000), look(1_001)], [undefined, undefined, 'body'])
})

test('a body that nobody reads has not stalled, and gets its whole time once it is read', () => {
  const { req, look } = looking({ flowing: false })
  assert.deepEqual([look(0), look(5_000)], [undefined, undefined])
  req.readableFlowing = true
  assert.deepEqual([look(6_000), look(7_000), look(7_001)], [undefined, undefined, 'body'])
})

test('an answer has stalled when bytes of it lie there and none is taken', () => {
  const { socket, look } = looking({ headersSent: true })
  Object.assign(socket, { bytesWritten: 5_000, writableLength: 4_000 })
  assert.equal(look(0), undefined)
  socket.writableLength = 3_999
  assert.deepEqual([look(900), look(1_900), look(1_901)], [undefined, undefined, 'answer'])
})

test('an answer of which nothing lies there may be quiet for ever', () => {
  const { look } = looking({ headersSent: true })
  assert.deepEqual([look(0), look(100_000)], [undefined, undefined])
})

test('an answer that stands behind another on its connection has not stalled', () => {
  const { socket, res, look } = looking({ headersSent: true })
  Object.assign(socket, { bytesWritten: 5_000, writableLength: 4_000 })
  res.socket = null
  assert.deepEqual([look(0), look(100_000)], [undefined, undefined])
})
