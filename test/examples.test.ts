import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { TestHost } from './support/host.ts'

const asJson = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

describe('every example is deployed, used, and used again after a sleep', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start()
  })
  after(() => host[Symbol.asyncDispose]())

  test('hello: a function that is told how it was woken', async () => {
    await host.deploy('hello', 'examples/hello')
    assert.equal((await host.visit('hello')).status, 200)
    await host.sleep('hello')
    const woken = await host.visit('hello')
    assert.equal(woken.status, 200)
    assert.match(String(woken.headers['server-timing']), /wake;desc=cold;dur=\d+/)
    assert.match(woken.body, /you woke me in \d+ ms/)
  })

  test('notes: SQLite on the app’s own disk', async () => {
    await host.deploy('notes', 'examples/notes')
    assert.equal((await host.visit('notes', '/notes', asJson({ text: 'hazelnuts' }))).status, 201)
    await host.sleep('notes')
    assert.match((await host.visit('notes', '/notes')).body, /hazelnuts/)
    assert.match((await host.visit('notes', '/')).body, /hazelnuts/)
  })

  test('guestbook: Python that writes files', async () => {
    await host.deploy('guestbook', 'examples/guestbook')
    assert.equal(
      (await host.visit('guestbook', '/sign', asJson({ name: 'Mouse', message: 'zzz' }))).status,
      201,
    )
    await host.sleep('guestbook')
    assert.match((await host.visit('guestbook', '/entries')).body, /zzz/)
  })

  test('chat: what one says, the other hears', async () => {
    await host.deploy('chat', 'examples/chat')
    await host.sleep('chat')
    const open = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.port}/room`, {
        headers: { host: 'chat.localhost' },
      })
      await new Promise((resolve, reject) => {
        socket.once('open', resolve)
        socket.once('error', reject)
      })
      return socket
    }
    const [one, two] = [await open(), await open()]
    const heard = new Promise<string>(resolve => {
      two.on('message', data => {
        if (String(data).includes('anyone')) resolve(String(data))
      })
    })
    one.send(JSON.stringify({ name: 'Mouse', text: 'anyone?' }))
    assert.match(await heard, /anyone\?/)
    one.close()
    two.close()
  })

  test('site: types, etags, ranges, compression and its own 404 page', async () => {
    await host.deploy('site', 'examples/site')
    const page = await host.visit('site', '/')
    assert.match(String(page.headers['content-type']), /^text\/html/)
    const again = await host.visit('site', '/', {
      headers: { 'if-none-match': String(page.headers['etag']) },
    })
    assert.equal(again.status, 304)
    const part = await host.visit('site', '/dormouse.svg', { headers: { range: 'bytes=0-3' } })
    assert.deepEqual([part.status, part.body.length], [206, 4])
    assert.match(String(part.headers['content-type']), /^image\/svg/)
    const small = await host.open('site', '/dormouse.svg', { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(small.headers['content-encoding'], 'gzip')
    await small.body.dump()
    const missing = await host.visit('site', '/nothing-here')
    assert.equal(missing.status, 404)
    assert.match(missing.body, /<html/i)
    await host.sleep('site')
    assert.equal((await host.visit('site', '/about/')).status, 200)
    assert.equal((await host.api('GET', '/v1/apps/site')).json.snapshot, null)
  })

  test('ticker: server-sent events', async () => {
    await host.deploy('ticker', 'examples/ticker')
    const leaving = new AbortController()
    const { headers, body } = await host.open('ticker', '/events', { signal: leaving.signal })
    assert.match(String(headers['content-type']), /^text\/event-stream/)
    let text = ''
    await assert.rejects(async () => {
      for await (const chunk of body) {
        text += chunk
        if (text.split('data:').length > 3) leaving.abort()
      }
    })
    assert.ok(text.split('data:').length > 3)
  })

  test('allinone: nginx, two Tornado processes and supervisor in one container', async () => {
    await host.deploy('allinone', 'examples/allinone')
    const bodies = new Set<string>()
    for (let n = 0; n < 10; n++) bodies.add((await host.visit('allinone')).body)
    assert.ok(bodies.size >= 2, `answers: ${[...bodies].join(' | ')}`)
    await host.sleep('allinone')
    assert.equal((await host.visit('allinone')).status, 200)
  })
})
