import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Problem } from '../../problem.ts'
import { cannedApp, dial, get, stage, type Wire } from '../fixture.ts'
import { answerOf, ask, dialHttp2, open, secureStage } from '../tls/fixture.ts'
import { WAKING_PATH } from './script.ts'
import { streamsOfOne } from './stream.ts'

const PAGE = get(
  '/',
  'Connection: close',
  'Accept: text/html',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Dest: document',
)
const LISTEN = get(WAKING_PATH, 'Accept: text/event-stream')
const FAILED = new Problem({ code: 'wake_timeout', status: 504, detail: 'hush', retryAfter: 5 })

/** A slow app whose page was shown, so that it wakes. */
async function waking(t: TestContext, clock: { now(): number } = performance) {
  const set = await stage(t, undefined, { clock })
  set.app.expected = 5_000
  await (await dial(t, set.port)).write(PAGE).end()
  const listen = async () => (await dial(t, set.port)).write(LISTEN)
  /** What is answered to who asks once. */
  const ask = async () => {
    const visitor = await dial(t, set.port)
    const answer = await visitor
      .write(get(WAKING_PATH, 'Accept: application/json', 'Connection: close'))
      .end()
    return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
  }
  return { ...set, listen, ask }
}

/** The data of an event in a stream. */
async function told(wire: Wire, event: string): Promise<any> {
  await wire.until(`event: ${event}\n`)
  const text = await wire.until('\n\n')
  return JSON.parse(new RegExp(`event: ${event}\\ndata: (.*)\\n`).exec(text)?.[1] ?? '')
}

test('a page hears how the wake goes, and when it is over', async t => {
  const { app, listen, records } = await waking(t)
  const page = await listen()
  const { state, elapsed, expected } = await told(page, 'progress')
  assert.deepEqual([state, expected, elapsed >= 0], ['waking', 5_000, true])
  assert.match(page.received, /\r\nContent-Type: text\/event-stream\r\n.*\r\nCache-Control: no-store\r\n/s)
  app.wakeUp((await cannedApp(t, 'HTTP/1.1 204 No Content\r\n\r\n')).upstream)
  await told(page, 'ready')
  await page.until('\r\n0\r\n')
  await app.idle()
  assert.equal(app.taken, 1)
  assert.deepEqual(
    records.map(({ path, status, code, aborted }) => ({ path, status, code, aborted })).at(-1),
    { path: WAKING_PATH, status: 200, code: 'answered', aborted: undefined },
  )
})

test('it hears again every second', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const clock = { now: () => performance.now() + skipped }
  let skipped = 0
  const { listen } = await waking(t, clock)
  const page = await listen()
  await told(page, 'progress')
  page.received = ''
  skipped = 1_000
  t.mock.timers.tick(1_000)
  assert.ok((await told(page, 'progress')).elapsed >= 1_000)
})

test('it hears that the wake failed, without internals, for a minute', async t => {
  let skipped = 0
  const clock = { now: () => performance.now() + skipped }
  const { app, listen, ask } = await waking(t, clock)
  const page = await listen()
  await told(page, 'progress')
  app.refuse(FAILED)
  const word = await told(page, 'failed')
  assert.deepEqual(word, {
    text: 'This app took too long to wake up. Try again in a moment.',
    code: 'wake_timeout',
    retryAfter: 5,
  })
  assert.deepEqual(await ask(), { event: 'failed', ...word })
  skipped = 61_000
  assert.deepEqual(await ask(), { event: 'ready' })
})

test('who asks of an app that is awake, or that nobody wakes, is told to load it, and wakes nothing', async t => {
  const { upstream } = await cannedApp(t, 'HTTP/1.1 204 No Content\r\n\r\n')
  const { app, port } = await stage(t, undefined)
  const page = await dial(t, port)
  page.write(LISTEN)
  await told(page, 'ready')
  app.upstream = upstream
  const other = await dial(t, port)
  other.write(LISTEN)
  await told(other, 'ready')
  assert.deepEqual([app.taken, app.takenQuietly, app.waiting.size], [0, 0, 0])
})

test('as many pages of one app hear of it as its bound allows; the next are told to ask, and one that leaves makes room', async t => {
  const { listen, ask, port, records } = await waking(t)
  const pages = await Promise.all(Array.from({ length: streamsOfOne }, listen))
  for (const page of pages) await told(page, 'progress')
  const next = await dial(t, port)
  assert.match(await next.write(LISTEN).until('\r\n\r\n'), /^HTTP\/1\.1 503 .*\r\nRetry-After: 2\r\n/s)
  assert.equal((await ask()).event, 'progress')
  const before = records.length
  pages[0]?.socket.destroy()
  while (records.length === before) await new Promise(resolve => setImmediate(resolve))
  await told(await listen(), 'progress')
})

test('an edge that closes ends the streams, however many, and nothing leaks', async t => {
  const { edge, listen } = await waking(t)
  const warnings: Error[] = []
  const warned = (warning: Error) => warnings.push(warning)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const pages = await Promise.all(Array.from({ length: 20 }, listen))
  for (const page of pages) await told(page, 'progress')
  const closed = edge.close()
  for (const page of pages) {
    await page.until('\r\n0\r\n\r\n')
    page.socket.end()
  }
  await closed
  assert.deepEqual(warnings, [])
})

test('what else is sent to that path is the app’s', async t => {
  const { upstream, wires } = await cannedApp(t, 'HTTP/1.1 204 No Content\r\n\r\n')
  const { port } = await stage(t, upstream)
  const visitor = await dial(t, port)
  visitor.write(LISTEN.replace('GET', 'POST')).write(get(`${WAKING_PATH}/more`))
  await visitor.until('204 No Content\r\n')
  await (await dial(t, port)).write(get(`${WAKING_PATH}?x`, 'Connection: close')).end()
  assert.match(wires.map(({ received }) => received).join(''), /^POST \/\.well-known\/dormice\/waking /)
})

test('who may not come hears nothing of the wake, and whoever hears of it takes nobody’s turn', async t => {
  const { app, port, listen, ask } = await waking(t)
  app.rules = { access: { concurrency: 1, queue: 0 } }
  const pages = [await listen(), await listen()]
  for (const page of pages) await told(page, 'progress')
  assert.equal((await ask()).event, 'progress')
  app.rules = { access: { deny: ['127.0.0.1'] } }
  const visitor = await dial(t, port)
  assert.match(await visitor.write(LISTEN).until('\r\n\r\n'), /^HTTP\/1\.1 403 .*address_denied/s)
})

test('pages and what they hear go over HTTP/2 too', async t => {
  const { app, tlsPort } = await secureStage(t, undefined, { hsts: 60 })
  app.expected = 5_000
  const session = await dialHttp2(t, tlsPort)
  const browser = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const page = await ask(session, browser)
  assert.deepEqual(
    [page.status, page.headers['x-dormice-error'], page.headers['strict-transport-security']],
    [503, 'app_waking', 'max-age=60'],
  )
  const stream = open(session, { ':path': WAKING_PATH, accept: 'text/event-stream' })
  const answering = answerOf(stream)
  await once(stream, 'data')
  app.wakeUp((await cannedApp(t, 'HTTP/1.1 204 No Content\r\n\r\n')).upstream)
  assert.match((await answering).body, /event: ready\n/)
})
