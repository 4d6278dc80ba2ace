import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { before, describe, type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { WebSocket, WebSocketServer } from 'ws'
import type { Found } from '../bench/debian.ts'
import { Program } from '../bench/processes.ts'
import { packageRoot } from '../src/paths.ts'
import { pythonWith } from './support/python.ts'

const MIB = 1024 * 1024

/** The app that `websocket/client.py` talks to; `ends` are the codes and reasons that its visitors ended with. */
async function startApp(t: TestContext): Promise<{ port: number; ends: [number, string][] }> {
  const ends: [number, string][] = []
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 0, perMessageDeflate: true })
  server.on('upgrade', (req: IncomingMessage, connection, head) => {
    if (req.url === '/refuse') {
      connection.end('HTTP/1.1 403 Forbidden\r\nX-Why: not you\r\nContent-Length: 2\r\n\r\nno')
    } else sockets.handleUpgrade(req, connection, head, socket => talk(socket, req.url ?? ''))
  })
  function talk(socket: WebSocket, url: string): void {
    if (url === '/fragments') {
      socket.send('one ', { fin: false })
      socket.send('two ', { fin: false })
      socket.send('three', { fin: true })
    } else if (url === '/ping') {
      socket.ping('from the app')
      socket.on('pong', data => socket.send(`ponged ${data}`))
    } else if (url.startsWith('/close?')) {
      const code = Number(url.slice(7))
      socket.close(code, `app ${code}`)
    } else if (url === '/break') socket.terminate()
    else if (url === '/note') socket.on('close', (code, reason) => ends.push([code, String(reason)]))
    socket.on('message', (data: Buffer, isBinary) => {
      socket.send(url === '/sum' ? `${data.length} ${crc32(data)}` : data, {
        binary: isBinary && url !== '/sum',
      })
    })
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, ends }
}

/** An edge in a process of its own, so that its memory is its own, in front of an app. */
async function startEdge(t: TestContext, app: number): Promise<{ port: number; peak(): number }> {
  const edge = new Program('edge', [
    process.execPath,
    join(packageRoot, 'bench/edge-process.ts'),
    String(app),
  ])
  t.after(() => edge[Symbol.asyncDispose]())
  const port = Number(await edge.line())
  return {
    port,
    /** The most memory that it ever had, bytes. */
    peak: () =>
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${edge.pid}/status`, 'utf8'))?.[1]) * 1024,
  }
}

function socketTo(t: TestContext, port: number, options: WebSocket.ClientOptions = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
    perMessageDeflate: false,
    maxPayload: 0,
    ...options,
    headers: { host: 'app.localhost' },
  })
  t.after(() => socket.terminate())
  return socket
}

async function answerTo(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, 'message')
  socket.send(message)
  return (await answer)[0]
}

describe('WebSockets through the edge', { timeout: 120_000 }, () => {
  let python: Found
  before(async () => {
    python = await pythonWith('python3-websockets')
  })

  test('python3-websockets, as a visitor of an app made with ws, finds nothing amiss', async t => {
    const { port, ends } = await startApp(t)
    const edge = await startEdge(t, port)
    const command = [python.path, join(packageRoot, 'test/websocket/client.py'), String(edge.port)]
    await using client = new Program('client.py', command, python.env)
    const results = JSON.parse(await client.output())
    assert.deepEqual(results, {
      text_and_binary: ['hällo', true],
      fragments_to_the_app: 'one two three',
      fragments_from_the_app: 'one two three',
      ping_of_the_visitor: true,
      ping_of_the_app: 'ponged from the app',
      closed_by_the_app: [
        [1000, 'app 1000'],
        [1001, 'app 1001'],
        [1011, 'app 1011'],
        [4000, 'app 4000'],
      ],
      closed_by_the_visitor: true,
      broken_off_by_the_app: 1006,
      broken_off_by_the_visitor: true,
      large_both_ways: true,
      large_in_fragments: true,
      compressed: [['PerMessageDeflate'], true],
      refused: [403, 'not you'],
      many: 300,
    })
    assert.deepEqual(ends, [
      [1000, 'visitor 1000'],
      [1001, 'visitor 1001'],
      [1011, 'visitor 1011'],
      [4000, 'visitor 4000'],
      [1006, ''],
    ])
  })

  test('a message of 192 MiB both ways is never held in memory as a whole', async t => {
    const { port } = await startApp(t)
    const edge = await startEdge(t, port)
    const socket = socketTo(t, edge.port)
    await once(socket, 'open')
    const small = randomBytes(MIB)
    const large = Buffer.alloc(192 * MIB, small)
    // As many bytes as the large one, one small one after the other: what is garbage for a while is in both.
    for (let n = 0; n < 192; n++) await answerTo(socket, small)
    const before = edge.peak()
    assert.ok(large.equals(await answerTo(socket, large)))
    const grown = (edge.peak() - before) / MIB
    assert.ok(grown < 32, `${grown} MiB more than before`)
  })

  test('ws, as a visitor of an app made with python3-websockets, finds nothing amiss', async t => {
    const app = spawn(python.path, [join(packageRoot, 'test/websocket/server.py')], {
      env: { ...process.env, ...python.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => app.kill())
    const said = createInterface({ input: app.stdout })[Symbol.asyncIterator]()
    const edge = await startEdge(t, Number((await said.next()).value))
    const ended = async () => JSON.parse(String((await said.next()).value))

    const socket = socketTo(t, edge.port, { perMessageDeflate: true })
    await once(socket, 'open')
    assert.match(socket.extensions, /permessage-deflate/)
    const text = 'again '.repeat(100_000)
    assert.equal(String(await answerTo(socket, text)), text)
    const joined = once(socket, 'message')
    socket.send('one ', { fin: false })
    socket.send('two ', { fin: false })
    socket.send('three', { fin: true })
    assert.equal(String((await joined)[0]), 'one two three')
    assert.equal(String(await answerTo(socket, 'fragments')), 'one two three')
    assert.equal(String(await answerTo(socket, 'ping')), 'ponged')
    const pong = once(socket, 'pong')
    socket.ping('x')
    assert.equal(String((await pong)[0]), 'x')
    socket.close(4000, 'visitor 4000')
    assert.deepEqual(await ended(), [4000, 'visitor 4000'])

    for (const code of [1000, 1001, 1011, 4001]) {
      const closing = socketTo(t, edge.port)
      await once(closing, 'open')
      const end = once(closing, 'close')
      closing.send(`close ${code}`)
      const [got, reason] = await end
      assert.deepEqual([got, String(reason)], [code, `app ${code}`])
      await ended()
    }

    const large = socketTo(t, edge.port)
    await once(large, 'open')
    const bytes = Buffer.alloc(64 * MIB, randomBytes(1021))
    assert.ok(bytes.equals(await answerTo(large, bytes)))
    large.terminate()
    assert.deepEqual(await ended(), [1006, ''])
  })
})
