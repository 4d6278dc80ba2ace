import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { WebSocket } from 'ws'
import { headers, POST, PREFACE, reset } from '../../src/edge/http2/frames.ts'
import { answerOf } from '../../src/edge/tls/fixture.ts'
import type { Visit, Visiting } from './visits.ts'
import { echo, untilToldOf } from './visits.ts'

const servername = 'good.localhost'

/** Something over a connection that speaks HTTP/2. */
function overHttp2(use: (session: ClientHttp2Session) => Promise<void>) {
  return async ({ tlsPort }: Visiting): Promise<void> => {
    const session = connectHttp2(`https://127.0.0.1:${tlsPort}`, { servername, rejectUnauthorized: false })
    session.on('error', () => {})
    try {
      await once(session, 'connect')
      await use(session)
    } finally {
      session.destroy()
    }
  }
}

function open(
  session: ClientHttp2Session,
  app: string,
  more: OutgoingHttpHeaders = {},
  endStream = true,
): ClientHttp2Stream {
  const stream = session.request({ ':authority': `${app}.localhost`, ...more }, { endStream })
  return stream.on('error', () => {})
}

/** Something over a TLS connection. */
function overTls(alpn: string, use: (socket: TLSSocket) => Promise<void>) {
  return async ({ tlsPort: port }: Visiting): Promise<void> => {
    const options = { port, host: '127.0.0.1', servername, ALPNProtocols: [alpn], rejectUnauthorized: false }
    const socket = connectTls(options).on('error', () => {})
    try {
      await once(socket, 'secureConnect')
      await use(socket)
    } finally {
      socket.destroy()
    }
  }
}

/** What visitors do by TLS and HTTP/2, good and hostile. */
export const secureVisits: readonly Visit[] = [
  {
    name: 'HTTP/1.1 over TLS',
    every: 300,
    run: overTls('http/1.1', async socket => {
      let received = ''
      socket.on('data', data => {
        received += data
      })
      socket.write('GET / HTTP/1.1\r\nHost: good.localhost\r\nConnection: close\r\n\r\n')
      await once(socket, 'end')
      assert.match(received, /^HTTP\/1\.1 200 .*got 0;$/s)
    }),
  },
  {
    name: 'a head over TLS that stops',
    every: 500,
    run: overTls('http/1.1', async socket => {
      socket.write('GET / HTTP/1.1\r\nHost: good.loc')
      const [data] = await once(socket, 'data')
      assert.match(String(data), /^HTTP\/1\.1 408 /)
    }),
  },
  {
    name: 'twenty requests at once over HTTP/2',
    every: 300,
    run: overHttp2(async session => {
      const streams = Array.from({ length: 20 }, (_, n) => open(session, 'good', { ':path': `/${n}` }))
      const answers = await Promise.all(streams.map(answerOf))
      assert.ok(answers.every(({ status, body }) => status === 200 && body === 'got 0;'))
    }),
  },
  {
    name: 'an upload over HTTP/2',
    every: 400,
    run: overHttp2(async session => {
      const stream = open(session, 'good', { ':method': 'POST' }, false)
      stream.end('x'.repeat(100_000))
      assert.equal((await answerOf(stream)).body, 'got 100000;')
    }),
  },
  {
    name: 'a body over HTTP/2 that stops',
    every: 500,
    run: overHttp2(async session => {
      const stream = open(session, 'good', { ':method': 'POST' }, false)
      stream.write('some')
      assert.equal((await answerOf(stream)).status, 408)
    }),
  },
  {
    name: 'streams that are reset',
    every: 400,
    run: overHttp2(async session => {
      const streams = Array.from({ length: 5 }, () => open(session, 'slow'))
      await Promise.all(streams.map(stream => once(stream, 'response')))
      const closed = streams.map(answerOf)
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
      await Promise.all(closed)
      assert.equal((await answerOf(open(session, 'good'))).status, 200)
    }),
  },
  {
    name: 'a flood of streams that are reset',
    every: 3_000,
    run: overTls('h2', async socket => {
      const closed = once(socket.resume(), 'close')
      const flood = Array.from({ length: 5_000 }, (_, n) => [
        headers(2 * n + 1, { ...POST, ':authority': 'silent.localhost' }, true),
        reset(2 * n + 1, constants.NGHTTP2_CANCEL),
      ])
      socket.write(Buffer.concat([PREFACE, ...flood.flat()]))
      await closed
    }),
  },
  {
    name: 'an answer over HTTP/2 that nobody reads',
    every: 1_000,
    run: overHttp2(async session => {
      const stream = open(session, 'good', { ':path': '/endless' })
      await once(stream, 'response')
      const over = new Promise(resolve => stream.once('close', resolve))
      await untilToldOf(over, stream)
      assert.notEqual(stream.rstCode, constants.NGHTTP2_NO_ERROR)
    }),
  },
  {
    name: 'an app that breaks off, over HTTP/2',
    every: 400,
    run: overHttp2(async session => {
      assert.equal((await answerOf(open(session, 'cut'))).code, constants.NGHTTP2_INTERNAL_ERROR)
    }),
  },
  {
    name: 'a WebSocket over TLS',
    every: 400,
    async run({ tlsPort }) {
      const options = { headers: { host: 'talk.localhost' }, servername, rejectUnauthorized: false }
      const socket = new WebSocket(`wss://127.0.0.1:${tlsPort}/`, options).on('error', () => {})
      try {
        await once(socket, 'open')
        await echo(socket, 'hello '.repeat(1_000))
      } finally {
        socket.terminate()
      }
    },
  },
  {
    name: 'a handshake that never begins',
    every: 500,
    async run({ tlsPort }) {
      const socket = connect({ port: tlsPort, host: '127.0.0.1' }).on('error', () => {})
      await once(socket.resume(), 'close')
    },
  },
  {
    name: 'a handshake that is nonsense',
    every: 500,
    async run({ tlsPort }) {
      const socket = connect({ port: tlsPort, host: '127.0.0.1' }).on('error', () => {})
      socket.end('GET / HTTP/1.1\r\nHost: good.localhost\r\n\r\n')
      await once(socket.resume(), 'close')
    },
  },
]
