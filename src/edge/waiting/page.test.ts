import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Problem } from '../../problem.ts'
import type { EdgeOptions } from '../edge.ts'
import { cannedApp, dial, get, stage } from '../fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const BROWSER = [
  'Accept: text/html,application/xhtml+xml,*/*;q=0.8',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Dest: document',
]

/** A sleeping app whose wakes take a while. */
async function slowApp(t: TestContext, options: Partial<EdgeOptions> = {}) {
  const set = await stage(t, undefined, options)
  set.app.expected = 6_400
  const visit = async (...headers: string[]) => (await dial(t, set.port)).write(get('/a?b=c', ...headers))
  const page = async () => (await visit(...BROWSER, 'Connection: close')).end()
  return { ...set, visit, page }
}

test('a browser that wants a page of a slow app is shown one meanwhile, and the app wakes', async t => {
  const { app, page, records } = await slowApp(t)
  const answer = await page()
  assert.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\nContent-Type: text\/html; charset=utf-8\r\n/)
  assert.match(answer, /\r\nRetry-After: 7\r\n/)
  assert.match(answer, /\r\nCache-Control: no-store\r\n/)
  assert.match(answer, /\r\nX-Dormice-Error: app_waking\r\n/)
  assert.match(answer, /<h1[^>]*>app is waking up<\/h1>/)
  assert.match(answer, /<noscript><meta http-equiv="refresh" content="7"><\/noscript>/)
  assert.doesNotMatch(answer, /\{\{/)
  const nonce = /script-src 'nonce-([\w-]{22})'/.exec(answer)?.[1]
  assert.ok(answer.includes(`<script nonce="${nonce}">`) && answer.includes(`<style nonce="${nonce}">`))
  assert.equal(app.waiting.size, 1)
  assert.deepEqual(
    records.map(({ status, code }) => ({ status, code })),
    [{ status: 503, code: 'app_waking' }],
  )
  app.wakeUp((await cannedApp(t, OK)).upstream)
  await app.idle()
})

test('many pages stand in the line as one', async t => {
  const { app, page } = await slowApp(t)
  const pages = await Promise.all([page(), page(), page()])
  assert.ok(pages.every(text => text.includes('is waking up')))
  assert.equal(app.waiting.size, 1)
})

for (const [what, ...headers] of [
  ['who does not say what it is', 'Accept: text/html'],
  ['an API client', 'Accept: application/json'],
  ['a script of a page', 'Accept: text/html', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty'],
  ['a picture', 'Accept: image/*', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: image'],
  ['a download', 'Accept: text/html', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: empty'],
  ['who wants a part', ...BROWSER, 'Range: bytes=0-'],
  ['a browser that looks ahead', ...BROWSER, 'Sec-Purpose: prefetch;prerender'],
] as const) {
  test(`${what} waits for the answer`, async t => {
    const { app, visit } = await slowApp(t)
    const visitor = await visit(...headers)
    await app.until(({ waiting }) => waiting.size === 1)
    app.wakeUp((await cannedApp(t, OK)).upstream)
    assert.match(await visitor.until('ok'), /^HTTP\/1\.1 200 /)
  })
}

test('so does a form that is sent, and a connection that wants to be another', async t => {
  const { app, port } = await slowApp(t)
  const form = await dial(t, port)
  form.write(get('/', ...BROWSER, 'Content-Length: 0').replace('GET', 'POST'))
  await app.until(({ waiting }) => waiting.size === 1)
  const socket = await dial(t, port)
  socket.write(get('/', ...BROWSER, 'Connection: Upgrade', 'Upgrade: websocket'))
  await app.until(({ waiting }) => waiting.size === 2)
  app.refuse(new Problem({ code: 'no_memory', status: 503, detail: '' }))
})

for (const [what, expected, rules] of [
  ['an app that is not known to be slow', undefined, undefined],
  ['an app that wakes fast', 2_000, undefined],
  ['an app that wants no page', 60_000, { waiting: 'off' }],
] as const) {
  test(`a browser waits for the answer of ${what}`, async t => {
    const { app, visit } = await slowApp(t)
    app.expected = expected
    app.rules = rules
    const visitor = await visit(...BROWSER)
    await app.until(({ waiting }) => waiting.size === 1)
    app.wakeUp((await cannedApp(t, OK)).upstream)
    assert.match(await visitor.until('ok'), /^HTTP\/1\.1 200 /)
  })
}

test('an app that is awake answers itself', async t => {
  const { app, visit } = await slowApp(t)
  app.upstream = (await cannedApp(t, OK)).upstream
  assert.match(await (await visit(...BROWSER)).until('ok'), /^HTTP\/1\.1 200 /)
})

test('a wake that is refused at once is answered as ever, one that is over at once by the app', async t => {
  const { app, visit } = await slowApp(t)
  const { acquire } = app
  app.acquire = () =>
    Promise.reject(new Problem({ code: 'app_crashed', status: 503, detail: 'hush', retryAfter: 3 }))
  assert.match(await (await visit(...BROWSER, 'Connection: close')).end(), /X-Dormice-Error: app_crashed/)
  const { upstream } = await cannedApp(t, OK)
  app.acquire = async signal => {
    const lease = acquire.call(app, signal)
    app.wakeUp(upstream)
    return lease
  }
  assert.match(await (await visit(...BROWSER)).until('ok'), /^HTTP\/1\.1 200 /)
})

test('an app says how its page looks, and no word of that is markup', async t => {
  const { app, page } = await slowApp(t)
  app.rules = { waiting: { title: 'Tom & <b>Ann</b>', message: '', colour: '#2f7d5b', icon: '🌻' } }
  const answer = Buffer.from(await page(), 'latin1').toString()
  assert.match(answer, /<h1[^>]*>Tom &#38; &#60;b&#62;Ann&#60;\/b&#62;<\/h1>/)
  assert.match(answer, /<p class="message"[^>]*><\/p>/)
  assert.match(answer, /--accent: #2f7d5b;/)
  assert.match(answer, /<div class="icon" aria-hidden="true">🌻<\/div>/)
})

test('a host’s own page is used as it is at the moment, and reloads itself whether it says so or not', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-waiting-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const waitingTemplate = join(folder, 'waiting.html')
  const { page } = await slowApp(t, { waitingTemplate })
  assert.match(await page(), /<h1[^>]*>app is waking up<\/h1>/)
  writeFileSync(waitingTemplate, '<p>{{app}} takes {{expected}} s, {{what}}</p>')
  assert.match(await page(), /<p>app takes 6 s, \{\{what\}\}<\/p>\n<noscript>.*EventSource/s)
  writeFileSync(waitingTemplate, '<head>{{reload}}</head>')
  assert.equal((await page()).split('<noscript>').length, 2)
  writeFileSync(waitingTemplate, 'x'.repeat(300_000))
  assert.match(await page(), /<h1[^>]*>app is waking up<\/h1>/)
})

test('an edge that closes waits for no wake of a page', async t => {
  const { app, edge, page } = await slowApp(t)
  await page()
  assert.equal(app.waiting.size, 1)
  await edge.close()
  assert.equal(app.waiting.size, 0)
})
