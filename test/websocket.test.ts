import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, cpSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { packageRoot } from '../src/paths.ts'
import { newFolder } from './support/folder.ts'
import { TestHost } from './support/host.ts'

/** The folder of an app that sends every message back; a stubborn one does nothing when told to stop. */
function socketApp({ stubborn = false } = {}): string {
  const folder = newFolder('websocket-app')
  copyFileSync(join(packageRoot, 'test/websocket/app.mjs'), join(folder, 'main.mjs'))
  cpSync(join(packageRoot, 'node_modules/ws'), join(folder, 'ws'), { recursive: true })
  if (stubborn)
    writeFileSync(join(folder, 'stubborn.mjs'), "process.env.STUBBORN = '1'\nawait import('./main.mjs')\n")
  const start = `node ${stubborn ? 'stubborn.mjs' : 'main.mjs'}`
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { start } }))
  return relative(packageRoot, folder)
}

describe('a WebSocket', () => {
  let host: TestHost
  const sockets: WebSocket[] = []
  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '1s' })
    await host.deploy('talk', socketApp())
    await host.deploy('stubborn', socketApp({ stubborn: true }))
  })
  after(async () => {
    for (const socket of sockets) socket.terminate()
    await host[Symbol.asyncDispose]()
  })

  async function open(app: string): Promise<WebSocket> {
    const headers = { host: `${app}.localhost` }
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}/`, { headers, maxPayload: 0 })
    sockets.push(socket)
    await once(socket, 'open')
    return socket
  }

  async function answerTo(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
    const answer = once(socket, 'message')
    socket.send(message)
    return (await answer)[0]
  }

  /** The code and the reason that a socket is closed with. */
  async function closed(socket: WebSocket): Promise<[number, string]> {
    const [code, reason] = await once(socket, 'close')
    return [code, String(reason)]
  }

  test('wakes its app, carries 64 MiB both ways, and keeps the app awake while it is open', async () => {
    await host.sleep('talk')
    const socket = await open('talk')
    const large = Buffer.alloc(64 * 1024 * 1024, randomBytes(1021))
    assert.ok(large.equals(await answerTo(socket, large)))
    // Longer than it takes to fall asleep for idleness: another app does meanwhile.
    await host.visit('stubborn')
    await host.until('stubborn', 'asleep')
    assert.equal(await host.state('talk'), 'awake')
    assert.equal(String(await answerTo(socket, 'still here')), 'still here')
    const end = closed(socket)
    socket.close(1000, 'done')
    assert.deepEqual(await end, [1000, 'done'])
    await host.until('talk', 'asleep')
  })

  test('is closed by its app when that is put to sleep by hand, at once', async () => {
    const open2 = await Promise.all([open('talk'), open('talk')])
    const ends = open2.map(closed)
    const began = performance.now()
    await host.sleep('talk')
    assert.ok(performance.now() - began < 8_000)
    assert.deepEqual(await Promise.all(ends), [
      [1001, 'falling asleep'],
      [1001, 'falling asleep'],
    ])
    assert.equal(String(await answerTo(await open('talk'), 'again')), 'again')
  })

  test('is closed by its app when that is restarted or deployed anew', async () => {
    const first = closed(await open('talk'))
    assert.equal((await host.api('POST', '/v1/apps/talk/restart')).status, 200)
    assert.deepEqual(await first, [1001, 'falling asleep'])
    const second = closed(await open('talk'))
    await host.deploy('talk', socketApp())
    assert.deepEqual(await second, [1001, 'falling asleep'])
  })

  test('of an app that does not say goodbye ends with it all the same', async () => {
    const end = closed(await open('stubborn'))
    await host.sleep('stubborn')
    assert.deepEqual(await end, [1006, ''])
  })

  test('is closed by its app when the host shuts down', async () => {
    const end = closed(await open('talk'))
    await host.kill('SIGTERM')
    assert.deepEqual(await end, [1001, 'falling asleep'])
    assert.deepEqual(await host.containers(), [])
    await host.boot()
    assert.equal(String(await answerTo(await open('talk'), 'again')), 'again')
  })
})
