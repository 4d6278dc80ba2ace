import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { TestHost } from './support/host.ts'

/** Tells how often it was started: its start counts in a file. */
const counter = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
const starts = (existsSync('starts') ? Number(readFileSync('starts', 'utf8')) : 0) + 1
writeFileSync('starts', String(starts))
export default { fetch: () => new Response(String(starts)) }
`

describe('a sleeping app is woken by the first request', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_SLEEP_AFTER: '2s' })
  })
  after(() => host[Symbol.asyncDispose]())

  async function sleepsAfter(app: string, sleepAfter: string): Promise<void> {
    assert.equal((await host.api('PATCH', `/v1/apps/${app}`, { sleepAfter })).status, 200)
  }

  test('200 requests at once cause one wake and are all answered 200', async () => {
    await host.deployText('storm', 'main.js', counter)
    await host.sleep('storm')
    const answers = await Promise.all(Array.from({ length: 200 }, () => host.visit('storm')))
    assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([200]))
    assert.deepEqual(new Set(answers.map(answer => answer.body)), new Set(['2']))
    assert.equal(answers.filter(answer => answer.headers['server-timing']).length, 1)
  })

  test('a wake is told of with parts that make up its time, also by the next start of the host', async () => {
    await host.deployText('traced', 'main.js', counter)
    await host.sleep('traced')
    const timing = String((await host.visit('traced')).headers['server-timing'])
    const told = async () => (await host.api('GET', '/v1/apps/traced/wakes')).json.wakes
    assert.equal((await host.api('POST', '/v1/apps/traced/freeze')).status, 200)
    await host.visit('traced')
    const wakes = await told()
    const [thaw, { at, ms, parts, ...wake }] = wakes
    assert.deepEqual(wake, { kind: 'cold', outcome: 'awake' })
    assert.deepEqual(Object.keys(parts), ['queue', 'create', 'start', 'ready'])
    const sum = Object.values<number>(parts).reduce((all, part) => all + part)
    assert.ok(Math.abs(sum - ms) < 0.3, `${JSON.stringify(parts)} are ${sum} of ${ms} ms`)
    assert.equal(
      timing.split(', ').find(part => part.startsWith('wake-start')),
      `wake-start;dur=${parts.start}`,
    )
    assert.ok(Math.abs(Date.now() - Date.parse(at)) < 60_000)
    assert.deepEqual([thaw.kind, ...Object.keys(thaw.parts)], ['frozen', 'queue', 'thaw'])
    await host.kill('SIGTERM')
    await host.boot()
    assert.deepEqual(await told(), wakes)
  })

  test('an app that nobody uses falls asleep by itself', async () => {
    await host.deployText('idle', 'main.js', counter)
    await sleepsAfter('idle', '1s')
    await host.visit('idle')
    await host.until('idle', 'asleep')
    assert.deepEqual(
      (await host.containers()).filter(c => c.Labels['dormice.app'] === 'idle'),
      [],
    )
  })

  test('an open WebSocket keeps its app awake, and works all the while', async () => {
    await host.deploy('chat', 'examples/chat')
    await sleepsAfter('chat', '1s')
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}/room`, { headers: { host: 'chat.localhost' } })
    const messages: string[] = []
    socket.on('message', data => messages.push(String(data)))
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    await sleep(2_500)
    assert.equal(await host.state('chat'), 'awake')
    const before = messages.length
    const echoed = new Promise(resolve => socket.once('message', resolve))
    socket.send(JSON.stringify({ name: 'Mouse', text: 'still here?' }))
    await echoed
    assert.ok(messages.length > before)
    socket.close()
    await host.until('chat', 'asleep')
  })

  test('a slow download keeps its app awake until its last byte', async () => {
    const bytes = 40 * 1024 * 1024
    await host.deployText(
      'big',
      'main.js',
      `const chunk = Buffer.alloc(65536, 7); export default { fetch: () => new Response(new ReadableStream({ n: 0, type: 'bytes', pull(c) { c.enqueue(new Uint8Array(chunk)); if (++this.n === ${bytes / 65536}) c.close() } })) }`,
    )
    await sleepsAfter('big', '1s')
    const { body, status } = await host.open('big')
    assert.equal(status, 200)
    let read = 0
    const began = Date.now()
    for await (const chunk of body) {
      read += chunk.length
      // Spread over 3 s, three times sleepAfter.
      const due = (read / bytes) * 3_000
      await sleep(Math.max(0, due - (Date.now() - began)))
      if (read < bytes) assert.notEqual(await host.state('big'), 'asleep')
    }
    assert.equal(read, bytes)
    await host.until('big', 'asleep')
  })

  test('server-sent events arrive as they are sent, and keep their app awake', async () => {
    await host.deploy('ticker', 'examples/ticker')
    await sleepsAfter('ticker', '1s')
    const leaving = new AbortController()
    const { body } = await host.open('ticker', '/events', { signal: leaving.signal })
    const times: number[] = []
    await assert.rejects(async () => {
      for await (const chunk of body) {
        if (!String(chunk).includes('data:')) continue
        times.push(Date.now())
        if (times.length === 5) leaving.abort()
      }
    })
    const gaps = times.slice(1).map((time, n) => time - (times[n] ?? 0))
    assert.ok(
      gaps.every(gap => gap > 500 && gap < 2_500),
      `gaps of ${gaps.join(', ')} ms`,
    )
    await host.until('ticker', 'asleep')
  })

  test('a request that arrives while the app falls asleep is held and answered', async () => {
    await host.deployText('racing', 'main.js', counter)
    for (let n = 0; n < 5; n++) {
      await host.visit('racing')
      const falling = host.sleep('racing')
      await sleep(n * 60)
      const answers = await Promise.all([host.visit('racing'), host.visit('racing')])
      assert.deepEqual(
        answers.map(answer => answer.status),
        [200, 200],
      )
      await falling
    }
  })

  test('an app that does not start is told to its operator with its last lines, and to visitors as a plain 503', async () => {
    await host.deployText(
      'flaky',
      'main.js',
      `
      import { existsSync, writeFileSync } from 'node:fs'
      if (existsSync('broken')) { console.error('the secret reason'); process.exit(3) }
      export default { fetch: () => { writeFileSync('broken', ''); return new Response('ok') } }`,
    )
    assert.equal((await host.visit('flaky')).body, 'ok')
    await host.sleep('flaky')
    const answer = await host.visit('flaky')
    assert.equal(answer.status, 503)
    assert.ok(Number(answer.headers['retry-after']) >= 1)
    assert.doesNotMatch(answer.body, /secret reason/)
    const { state, failure } = (await host.api('GET', '/v1/apps/flaky')).json
    assert.equal(state, 'crashed')
    assert.match(failure.message, /exit code 3/)
    assert.match(failure.log, /the secret reason/)
    const [{ outcome }] = (await host.api('GET', '/v1/apps/flaky/wakes')).json.wakes
    assert.equal(outcome, 'app_crashed')
  })

  test('an app that dies is woken by the next request with what it had written', async () => {
    await host.deployText(
      'mortal',
      'main.js',
      `
      import { appendFileSync, readFileSync } from 'node:fs'
      export default { fetch: r => {
        if (r.url.endsWith('/die')) setTimeout(() => process.exit(1), 20)
        if (r.url.endsWith('/write')) appendFileSync('kept', 'x')
        return new Response(readFileSync('kept', { flag: 'a+' }))
      } }`,
    )
    await host.visit('mortal', '/write')
    await host.visit('mortal', '/die')
    await host.until('mortal', 'crashed')
    const { failure } = (await host.api('GET', '/v1/apps/mortal')).json
    // A timer may fire a millisecond early.
    for (let left = 1; left > 0; left = Date.parse(failure.retryAt) - Date.now()) await sleep(left)
    assert.equal((await host.visit('mortal')).body, 'x')
  })

  test('more requests than may wait are told to come back, the others are answered', async () => {
    await host.deployText('crowded', 'main.js', counter)
    await host.api('PATCH', '/v1/apps/crowded', { maxWaiting: 5 })
    await host.sleep('crowded')
    const answers = await Promise.all(Array.from({ length: 20 }, () => host.visit('crowded')))
    const answered = answers.filter(answer => answer.status === 200)
    const refused = answers.filter(answer => answer.status === 503)
    assert.deepEqual([answered.length, refused.length], [5, 15])
    assert.ok(refused.every(answer => Number(answer.headers['retry-after']) >= 1))
  })

  test('a request that waited as long as it may is told to come back', async () => {
    const slow = `setTimeout(() => require('http').createServer((q, s) => s.end('late')).listen(process.env.PORT), 2000)`
    await host.deployText('late', 'main.js', slow)
    await host.api('PATCH', '/v1/apps/late', { wakeTimeout: '1s' })
    await host.sleep('late')
    const answer = await host.visit('late')
    assert.equal(answer.status, 504)
    assert.ok(Number(answer.headers['retry-after']) >= 1)
    await host.until('late', 'awake')
    assert.equal((await host.visit('late')).body, 'late')
  })

  test('an unknown host is answered by a page that says so', async () => {
    const answer = await host.visit('nobody', '/', { headers: { accept: 'text/html' } })
    assert.equal(answer.status, 404)
    assert.match(answer.body, /nobody\.localhost/)
  })
})
