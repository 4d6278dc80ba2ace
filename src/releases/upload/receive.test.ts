import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, test } from 'node:test'
import { Problem } from '../../problem.ts'
import { receiveUpload } from './receive.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dormice-receive-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('an upload becomes a private file that is gone when it is disposed of', async () => {
  const parts = ['some ', 'bytes'].map(text => Buffer.from(text))
  let path: string
  {
    await using upload = await receiveUpload(Readable.from(parts), { dir: join(dir, 'new'), maxBytes: 10 })
    path = upload.path
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal(await readFile(path, 'utf8'), 'some bytes')
    assert.equal(upload.bytes, 10)
    assert.equal(upload.sha256, createHash('sha256').update('some bytes').digest('hex'))
  }
  await assert.rejects(stat(path), { code: 'ENOENT' })
})

test('a web stream is received too', async () => {
  const body = new Response('hello').body
  assert.ok(body)
  await using upload = await receiveUpload(body, { dir, maxBytes: 5 })
  assert.equal(upload.bytes, 5)
})

test('a body over the limit is refused before it was sent whole, and the sender still gets an answer', async () => {
  const server = createServer(async (incoming, response) => {
    const error = await receiveUpload(incoming, { dir, maxBytes: 100_000 }).catch(error => error)
    response.writeHead(error.status, { connection: 'close' }).end(error.code)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sent = request({ port, method: 'POST' })
  sent.on('error', () => {})
  sent.write(Buffer.alloc(150_000))
  const [answer] = await once(sent, 'response')
  assert.equal(answer.statusCode, 413)
  assert.equal(await text(answer), 'upload_too_large')
  assert.deepEqual(await readdir(dir), [])
  sent.destroy()
  server.close()
})

test('how much is accepted is said as a person says it, and what sets it', async () => {
  const said = async (maxBytes: number) => {
    const body = Readable.from([Buffer.alloc(maxBytes + 1)])
    return await receiveUpload(body, { dir, maxBytes }).then(
      () => '',
      ({ message }: Error) => message,
    )
  }
  const too = 'The upload is too large. Accepted is at most'
  assert.equal(await said(1024 * 1024), `${too} 1 MiB (DORMICE_UPLOAD_MAX).`)
  assert.equal(await said(100), `${too} 100 bytes (DORMICE_UPLOAD_MAX).`)
  assert.equal(await said(2000), `${too} 1.9 KiB (DORMICE_UPLOAD_MAX).`)
})

test('a sender that goes away leaves no file, whether at once or in the middle', async () => {
  const gone = new PassThrough()
  const never = receiveUpload(gone, { dir, maxBytes: 100 })
  gone.destroy(new Error('socket hang up'))
  await refused(never, 'upload_interrupted', 400)

  const { body, halfRead } = stalling()
  const received = receiveUpload(body, { dir, maxBytes: 100 })
  await halfRead
  body.destroy(new Error('socket hang up'))
  await refused(received, 'upload_interrupted', 400)
})

test('an empty body is refused', () =>
  refused(receiveUpload(Readable.from([]), { dir, maxBytes: 100 }), 'empty_upload', 400))

test('an abort ends the wait for more, with its reason', async () => {
  const { body, halfRead } = stalling()
  const controller = new AbortController()
  const received = receiveUpload(body, { dir, maxBytes: 100, signal: controller.signal })
  await halfRead
  const reason = new Error('shutting down')
  controller.abort(reason)
  await assert.rejects(received, error => error === reason)
  assert.equal(body.destroyed, true)
  assert.deepEqual(await readdir(dir), [])
})

test('a body that comes faster than the disk is held back', async () => {
  let produced = 0
  let most = 0
  const chunk = Buffer.alloc(1 << 20)
  const body = new Readable({
    highWaterMark: 1 << 20,
    read() {
      this.push(++produced <= 64 ? chunk : null)
      most = Math.max(most, this.readableLength)
    },
  })
  await using upload = await receiveUpload(body, { dir, maxBytes: 1 << 30 })
  assert.equal(upload.bytes, 64 << 20)
  assert.ok(most <= 2 << 20, `${most} bytes waited at most`)
})

/** A body that sends a piece and then nothing; `halfRead` resolves when more is asked for. */
function stalling(): { body: Readable; halfRead: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let pieces = 0
  const read = function (this: Readable) {
    if (pieces++ === 0) this.push('half')
    else resolve()
  }
  return { body: new Readable({ read, highWaterMark: 1 }), halfRead: promise }
}

async function refused(received: Promise<unknown>, code: string, status: number): Promise<void> {
  await assert.rejects(received, error => {
    assert.ok(error instanceof Problem, String(error))
    assert.deepEqual([error.code, error.status], [code, status])
    return true
  })
  assert.deepEqual(await readdir(dir), [])
}
