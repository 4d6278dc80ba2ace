import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Wire } from '../../src/edge/fixture.ts'
import { large } from './apps.ts'

/** What a visit is given. */
export type Visiting = {
  /** A new connection to the edge, closed when the visit is over. */
  open(): Promise<Wire>
  port: number
  /** Where it speaks TLS. */
  tlsPort: number
}

/** One way to visit: throws when the edge does not do as it should. */
export type Visit = {
  name: string
  /** One begins every so many ms. */
  every: number
  run(visiting: Visiting): Promise<void>
}

/** A request's head. */
function ask(
  app: string,
  path = '/',
  { method = 'GET', version = '1.1', more = [] as string[] } = {},
): string {
  return [`${method} ${path} HTTP/${version}`, `Host: ${app}.localhost`, ...more, '', ''].join('\r\n')
}

const CLOSE = 'Connection: close'

/** Sends a request and expects a status; the connection ends after it. */
function expecting(status: number, request: string) {
  return async ({ open }: Visiting): Promise<void> => {
    const received = await (await open()).write(request).end()
    assert.equal(received.slice(9, 12), String(status), received.slice(0, 300))
  }
}

function post(app: string, length: number, ...more: string[]): string {
  return ask(app, '/', { method: 'POST', more: [`Content-Length: ${length}`, ...more] })
}

/** Breaks off once this has come in. */
function leavingAfter(text: string, request: string) {
  return async ({ open }: Visiting): Promise<void> => {
    const visitor = await open()
    await visitor.write(request).until(text)
    visitor.socket.resetAndDestroy()
  }
}

async function talk(
  { port }: Visiting,
  app: string,
  use: (socket: WebSocket) => Promise<void>,
): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: `${app}.localhost` } })
  socket.on('error', () => {})
  try {
    await once(socket, 'open')
    await use(socket)
  } finally {
    socket.terminate()
  }
}

/** A visitor who is paused is not told of the end: it reads for a moment, now and then, until it is over. */
export async function untilToldOf(
  over: Promise<unknown>,
  visitor: { pause(): unknown; resume(): unknown },
): Promise<void> {
  let isOver = false
  void over.then(() => {
    isOver = true
  })
  while (!isOver) {
    visitor.pause()
    await sleep(5_000)
    visitor.resume()
    await Promise.race([over, sleep(100)])
  }
}

/** Expects a message to come back. */
export async function echo(socket: WebSocket, message: string | Buffer): Promise<void> {
  const answer = once(socket, 'message')
  socket.send(message)
  assert.deepEqual(String((await answer)[0]), String(message))
}

/** Everything that visitors do in a soak, good and hostile. */
export const visits: readonly Visit[] = [
  {
    name: 'ten requests on a kept connection',
    every: 50,
    async run({ open }) {
      const visitor = await open()
      for (let n = 0; n < 10; n++) {
        visitor.received = ''
        await visitor.write(ask('good', `/${n}`)).until('got 0;')
      }
    },
  },
  {
    name: 'an upload',
    every: 200,
    run: expecting(200, `${post('good', 65_536, CLOSE)}${'x'.repeat(65_536)}`),
  },
  {
    name: 'chunks and trailers',
    every: 300,
    run: expecting(
      200,
      `${ask('good', '/', { method: 'POST', more: ['Transfer-Encoding: chunked', 'Trailer: X-A', CLOSE] })}3\r\nabc\r\n0\r\nX-A: 1\r\n\r\n`,
    ),
  },
  {
    name: 'an expectation',
    every: 300,
    async run({ open }) {
      const visitor = await open()
      await visitor.write(post('good', 4, 'Expect: 100-continue', CLOSE)).until('100 Continue')
      await visitor.write('body').until('got 4;')
    },
  },
  {
    name: 'a large download',
    every: 500,
    async run({ open }) {
      assert.ok((await (await open()).write(ask('good', '/large', { more: [CLOSE] })).end()).length > large)
    },
  },
  { name: 'a slow answer', every: 300, run: expecting(200, ask('slow', '/', { more: [CLOSE] })) },
  { name: 'HTTP/1.0', every: 200, run: expecting(200, ask('good', '/', { version: '1.0' })) },
  { name: 'control', every: 500, run: expecting(200, ask('dormice', '/', { more: [CLOSE] })) },
  { name: 'no such app', every: 300, run: expecting(404, `${post('nobody', 4, CLOSE)}body`) },
  {
    name: 'an app that wakes',
    every: 100,
    async run({ open }) {
      const received = await (await open()).write(ask('sleepy', '/', { more: [CLOSE] })).end()
      assert.match(received, /^HTTP\/1\.1 (200|504) /)
    },
  },
  {
    name: 'an app that is put to sleep meanwhile',
    every: 100,
    async run({ open }) {
      const visitor = await open()
      visitor.write(`${post('moody', 8, CLOSE)}half`)
      await sleep(300)
      const received = await visitor.write('half').end()
      assert.match(received, /^HTTP\/1\.1 (200|503) /)
    },
  },
  {
    name: 'pipelined requests',
    every: 200,
    async run({ open }) {
      const requests = Array.from({ length: 10 }, (_, n) => ask('good', `/${n}`)).join('')
      const received = await (await open()).write(requests + ask('good', '/end', { more: [CLOSE] })).end()
      assert.equal(received.match(/got 0;/g)?.length, 11)
    },
  },
  {
    name: 'a flood of pipelined requests',
    every: 2_000,
    async run({ open }) {
      const received = await (await open()).write(ask('good').repeat(1_000)).end()
      assert.equal(received.match(/got 0;/g)?.length, 64)
    },
  },
  {
    name: 'a flood of connections',
    every: 5_000,
    async run({ open }) {
      const all = await Promise.all(Array.from({ length: 200 }, () => open()))
      for (const { socket } of all) socket.destroy()
    },
  },
  { name: 'a head that stops', every: 300, run: expecting(408, 'GET / HTTP/1.1\r\nHost: good.loc') },
  { name: 'a connection that says nothing', every: 300, run: expecting(408, '') },
  { name: 'a body that stops', every: 300, run: expecting(408, `${post('good', 100)}some`) },
  { name: 'a body nobody wants that stops', every: 300, run: expecting(404, `${post('nobody', 100)}some`) },
  {
    name: 'large headers',
    every: 300,
    run: expecting(431, ask('good', '/', { more: [`X: ${'x'.repeat(20_000)}`] })),
  },
  { name: 'a long target', every: 300, run: expecting(414, ask('good', `/${'x'.repeat(9_000)}`)) },
  { name: 'nonsense', every: 200, run: expecting(400, '\u0016\u0003\u0001nonsense\r\n\r\n') },
  { name: 'no Host', every: 300, run: expecting(400, 'GET / HTTP/1.1\r\n\r\n') },
  {
    name: 'an app that answers garbage',
    every: 200,
    run: expecting(502, ask('garbage', '/', { more: [CLOSE] })),
  },
  {
    name: 'an answer with two framings',
    every: 300,
    run: expecting(502, ask('two', '/', { more: [CLOSE] })),
  },
  {
    name: 'an answer with too large a head',
    every: 300,
    run: expecting(502, ask('hasty', '/', { more: [CLOSE] })),
  },
  { name: 'an app that is gone', every: 200, run: expecting(502, ask('gone', '/', { more: [CLOSE] })) },
  {
    name: 'an app that never answers',
    every: 400,
    run: expecting(504, ask('silent', '/', { more: [CLOSE] })),
  },
  {
    name: 'an app that breaks off',
    every: 200,
    async run({ open }) {
      assert.match(await (await open()).write(ask('cut')).end(), /\r\n\r\npart$/)
    },
  },
  { name: 'a visitor who leaves early', every: 200, run: leavingAfter('', ask('silent')) },
  { name: 'a visitor who leaves in an answer', every: 200, run: leavingAfter('word', ask('slow')) },
  { name: 'a visitor who leaves in a body', every: 200, run: leavingAfter('', `${post('good', 100)}some`) },
  {
    name: 'a visitor who leaves while held',
    every: 200,
    async run({ open }) {
      const visitor = await open()
      visitor.write(ask('sleepy'))
      visitor.socket.end()
      await visitor.end()
    },
  },
  {
    name: 'a visitor who does not read',
    every: 1_000,
    async run({ open }) {
      const visitor = await open()
      const { socket } = visitor
      socket.removeAllListeners('data')
      socket.pause()
      visitor.write(ask('good', '/endless'))
      const over = new Promise<void>(resolve => {
        for (const event of ['end', 'close']) socket.once(event, () => resolve())
      })
      await untilToldOf(over, socket)
    },
  },
  {
    name: 'a WebSocket',
    every: 200,
    run: visiting =>
      talk(visiting, 'talk', async socket => {
        for (let n = 0; n < 5; n++) await echo(socket, `message ${n} `.repeat(200))
        const closed = once(socket, 'close')
        socket.close(1000)
        assert.equal((await closed)[0], 1000)
      }),
  },
  {
    name: 'a WebSocket with large messages',
    every: 2_000,
    run: visiting => talk(visiting, 'talk', socket => echo(socket, 'x'.repeat(large))),
  },
  {
    name: 'a WebSocket that its app breaks off',
    every: 400,
    run: visiting =>
      talk(visiting, 'talk', async socket => {
        const closed = once(socket, 'close')
        socket.send('break')
        assert.equal((await closed)[0], 1006)
      }),
  },
  {
    name: 'a WebSocket that its visitor breaks off',
    every: 400,
    run: visiting => talk(visiting, 'talk', socket => echo(socket, 'hello')),
  },
  {
    name: 'a WebSocket of an app that is put to sleep',
    every: 500,
    run: visiting =>
      talk(visiting, 'restless', async socket => {
        const closed = once(socket, 'close')
        await echo(socket, 'hello')
        assert.equal((await closed)[0], 1006)
      }).catch(error => {
        // It was put to sleep before it had agreed.
        if (!String(error).includes('503')) throw error
      }),
  },
  {
    name: 'a refused upgrade',
    every: 400,
    run: expecting(403, ask('talk', '/refuse', { more: ['Connection: Upgrade', 'Upgrade: websocket'] })),
  },
]
