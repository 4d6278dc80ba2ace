import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import type { TestHost } from './host.ts'

/**
 * An app with something for each way in which HTTP is used: short, long, slow and streamed answers, bodies with a
 * length and in chunks, bodies that are asked for, an upgraded connection, files that are written.
 */
export const mixedApp = `
import { createHash } from 'node:crypto'
import { appendFileSync, fsyncSync, openSync, closeSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const server = createServer((req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://app')
  if (pathname === '/small') return res.end('small')
  if (pathname === '/large') return res.end(Buffer.alloc(1 << 20, searchParams.get('fill')))
  if (pathname === '/slow') return setTimeout(() => res.end('slow'), 300)
  if (pathname === '/events') {
    res.setHeader('content-type', 'text/event-stream')
    let n = 0
    const timer = setInterval(() => {
      res.write('data: ' + n++ + '\\n\\n')
      if (n === 5) { clearInterval(timer); res.end() }
    }, 40)
    return
  }
  if (pathname === '/hash') {
    const hash = createHash('sha256')
    req.on('data', chunk => hash.update(chunk)).on('end', () => res.end(hash.digest('hex')))
    return
  }
  if (pathname === '/notes' && req.method === 'GET') return res.end(readFileSync('notes.txt'))
  if (pathname === '/notes') {
    const file = openSync('notes.txt', 'a')
    appendFileSync(file, searchParams.get('text') + '\\n')
    fsyncSync(file)
    closeSync(file)
    res.statusCode = 201
    return res.end()
  }
  res.statusCode = 404
  res.end()
})
server.on('upgrade', (req, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n')
  socket.on('error', () => {})
  socket.pipe(socket)
})
server.listen(process.env.PORT)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`

/** Sends requests of each kind to an app and checks each answer to its last byte. */
export class MixedVisits {
  readonly #host: TestHost
  readonly #app: string
  /** What the app has said it wrote. */
  readonly notes: string[] = []
  #count = 0

  constructor(host: TestHost, app: string) {
    this.#host = host
    this.#app = app
  }

  /** One request of each kind; call each to send it. Rejects when an answer is not whole and right. */
  readonly kinds: readonly (() => Promise<void>)[] = [
    async () => this.#expect(await this.#ask('/small'), 'small'),
    async () => this.#expect(await this.#ask('/small', { method: 'HEAD' }), ''),
    async () => {
      const { body } = await this.#ask('/large?fill=a')
      assert.equal(digest(body), digest(Buffer.alloc(1 << 20, 'a')))
    },
    async () => this.#expect(await this.#ask('/slow'), 'slow'),
    async () => this.#expect(await this.#ask('/events'), '01234'.replace(/./g, 'data: $&\n\n')),
    async () => {
      const body = randomBytes(64 * 1024)
      this.#expect(await this.#ask('/hash', { method: 'POST', body }), digest(body))
    },
    async () => {
      const parts = Array.from({ length: 8 }, () => randomBytes(8 * 1024))
      const answer = await this.#ask('/hash', { method: 'POST', body: Readable.from(parts) })
      this.#expect(answer, digest(Buffer.concat(parts)))
    },
    async () => {
      const note = `note-${this.#count++}`
      const { status } = await this.#ask(`/notes?text=${note}`, { method: 'POST' })
      assert.equal(status, 201)
      this.notes.push(note)
    },
    () => this.#askFirst(),
    () => this.#upgrade(),
  ]

  async #ask(path: string, options: { method?: string; body?: Buffer | Readable } = {}) {
    const { status, body } = await this.#host.open(this.#app, path, options)
    return { status, body: await buffer(body) }
  }

  #expect({ status, body }: { status: number; body: Buffer }, expected: string): void {
    assert.deepEqual({ status, body: body.toString() }, { status: 200, body: expected })
  }

  /** A body that is sent only once the app asks for it. */
  async #askFirst(): Promise<void> {
    const body = randomBytes(1024)
    const sent = request({
      port: this.#host.port,
      path: '/hash',
      method: 'POST',
      headers: { host: `${this.#app}.localhost`, expect: '100-continue', 'content-length': body.length },
      agent: false,
    })
    sent.on('continue', () => sent.end(body))
    sent.flushHeaders()
    const [answer] = await once(sent, 'response')
    assert.deepEqual([answer.statusCode, await text(answer)], [200, digest(body)])
  }

  async #upgrade(): Promise<void> {
    const socket = connect(this.#host.port, '127.0.0.1')
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${this.#app}.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`,
    )
    const lines = text(socket)
    await once(socket, 'data')
    socket.end('echo this')
    assert.match(await lines, /^HTTP\/1\.1 101 [\s\S]*\r\n\r\necho this$/)
  }
}

function digest(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}
