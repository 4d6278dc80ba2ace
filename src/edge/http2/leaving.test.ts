import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Edge } from '../edge.ts'
import { httpApp } from '../fixture.ts'
import { answerOf, ask, dialHttp2, open, secureStage } from '../tls/fixture.ts'
import { frame, headers, POST, PREFACE } from './frames.ts'

const GET = { ...POST, ':method': 'GET' }

/** A connection that never ends its side by itself, and reads only when it is told to. */
async function stubborn(t: TestContext, port: number): Promise<TLSSocket> {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    port,
    host: '127.0.0.1',
    servername: 'app.localhost',
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    allowHalfOpen: true,
  }
  const socket = connect(options)
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.pause()
  return socket
}

/** SETTINGS that give each answer room for so many bytes. */
function room(bytes: number): Buffer {
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(4, 0)
  payload.writeUInt32BE(bytes, 2)
  return frame(4, 0, 0, payload)
}

/** Resolves once the edge has no connection any more. */
async function isLeft(edge: Edge): Promise<void> {
  while (edge.load.connections > 0) await new Promise(setImmediate)
}

test('a visitor who closes the connection while a request is held has left', async t => {
  const { tlsPort, app, edge, records } = await secureStage(t, undefined)
  const session = await dialHttp2(t, tlsPort)
  const answering = ask(session)
  await app.until(({ waiting }) => waiting.size === 1)
  session.destroy()
  await answering
  await app.idle()
  await isLeft(edge)
  assert.equal(records[0]?.aborted, 'visitor')
})

test('an idle connection is closed although its visitor does not close it', async t => {
  const { tlsPort, edge } = await secureStage(t, undefined, { limits: { keepAlive: 20, linger: 20 } })
  const silent = await stubborn(t, tlsPort)
  const polite = await stubborn(t, tlsPort)
  silent.resume()
  polite.write(PREFACE)
  polite.resume()
  await isLeft(edge)
})

test('a visitor who makes no room for an answer of the edge itself is not waited for', async t => {
  const limits = { keepAlive: 20, linger: 20, unreadTimeout: 20 }
  const { tlsPort, edge } = await secureStage(t, undefined, { limits })
  const socket = await stubborn(t, tlsPort)
  const elsewhere = headers(1, { ...GET, ':authority': 'other.localhost' }, true)
  socket.write(Buffer.concat([PREFACE, room(0), elsewhere]))
  socket.resume()
  await isLeft(edge)
})

test('nor is one who makes no room for being told that the app did not answer, and the lease comes back', async t => {
  const upstream = await httpApp(t, () => {})
  const limits = { answerTimeout: 20, unreadTimeout: 20 }
  const { tlsPort, app, records } = await secureStage(t, upstream, { limits })
  const socket = await stubborn(t, tlsPort)
  socket.write(Buffer.concat([PREFACE, room(0), headers(1, GET, true)]))
  socket.resume()
  await app.until(({ taken }) => taken === 1)
  await app.idle()
  assert.equal(records[0]?.status, 504)
})

test('a connection that takes nothing more is given up', async t => {
  const upstream = await httpApp(t, (_, res) => res.end(Buffer.alloc(50_000_000)))
  const limits = { keepAlive: 20, linger: 20, unreadTimeout: 50 }
  const { tlsPort, edge, app } = await secureStage(t, upstream, { limits })
  const socket = await stubborn(t, tlsPort)
  const more = Buffer.alloc(4)
  more.writeUInt32BE(0x7ffe0000)
  socket.write(Buffer.concat([PREFACE, room(0x7fffffff), frame(8, 0, 0, more), headers(1, GET, true)]))
  await app.until(({ taken }) => taken === 1)
  await isLeft(edge)
  await app.idle()
})

test('for control, a visitor who asks whether to send the body is told to at once', async t => {
  const { tlsPort } = await secureStage(t, undefined, { control: (req, res) => void req.pipe(res) })
  const asking = { ':authority': 'dormice.localhost', ':method': 'PUT', expect: '100-continue' }
  const stream = open(await dialHttp2(t, tlsPort), asking, false)
  stream.once('continue', () => stream.end('body'))
  assert.equal((await answerOf(stream)).body, 'body')
})
