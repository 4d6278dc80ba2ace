import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { WAKING_PATH } from '../src/edge/waiting/script.ts'
import { TestHost } from './support/host.ts'

const BROWSER = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

/** An app that takes its time to start; `/` says how often it was asked. */
const slow = (ms: number) => `
await new Promise(resolve => setTimeout(resolve, ${ms}))
let asked = 0
export default { fetch: request => new Response(new URL(request.url).search + ' ' + ++asked) }`

describe('sleeping apps and who asks for them', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start()
  })
  after(() => host[Symbol.asyncDispose]())

  test('an app that a monitor asks all the time falls asleep and stays so, the monitor always told that it is up', async () => {
    await host.deployText('watched', 'main.js', slow(0))
    const settings = { sleepAfter: '1s', ignore: { paths: ['/health'], userAgents: ['monitors'] } }
    assert.equal((await host.api('PATCH', '/v1/apps/watched', settings)).status, 200)
    const asked: { status: number; ignored: unknown; body: string }[] = []
    const over = new AbortController()
    const monitor = (async () => {
      while (!over.signal.aborted) {
        const { status, headers, body } = await host.visit('watched', '/health')
        asked.push({ status, ignored: headers['x-dormice-ignored'], body })
        await pause(200)
      }
    })()
    await host.until('watched', 'asleep')
    const woken = () => host.log.filter(({ event, app }) => event === 'awake' && app === 'watched').length
    const before = woken()
    for (let n = 0; n < 15; n++) {
      const { status, headers } = await host.visit('watched', '/', {
        headers: { 'user-agent': 'UptimeRobot/2.0' },
      })
      assert.deepEqual([status, headers['x-dormice-ignored']], [200, 'asleep'])
      await pause(100)
    }
    assert.deepEqual([await host.state('watched'), woken()], ['asleep', before])
    over.abort()
    await monitor
    assert.deepEqual([...new Set(asked.map(({ status }) => status))], [200])
    const [first, last] = [asked[0], asked.at(-1)]
    assert.deepEqual([first?.ignored, last?.ignored], [undefined, 'asleep'])
    // What the app said last, before it fell asleep.
    assert.equal(last?.body, asked.findLast(({ ignored }) => ignored === undefined)?.body)
    const visitor = await host.visit('watched', '/?real')
    assert.equal(visitor.body, '?real 1')
    assert.equal(await host.state('watched'), 'awake')
  })

  test('a browser is shown a page while a slow app wakes, hears of it, and then gets the app; others are held', async () => {
    await host.deployText('slow', 'main.js', slow(2_300))
    await host.sleep('slow')
    const began = Date.now()
    const page = await host.visit('slow', '/?a', { headers: BROWSER })
    assert.ok(Date.now() - began < 2_000)
    assert.deepEqual([page.status, page.headers['x-dormice-error']], [503, 'app_waking'])
    assert.match(page.body, /slow is waking up/)
    const stream = await host.visit('slow', WAKING_PATH, { headers: { accept: 'text/event-stream' } })
    assert.match(stream.body, /^event: progress\ndata: \{"state":"waking",.*event: ready\n/s)
    const first = await host.visit('slow', '/?a', { headers: BROWSER })
    assert.equal(first.body, '?a 1')
    assert.match(String(first.headers['server-timing']), /^wake;desc=cold;dur=\d{4}/)
    await host.sleep('slow')
    assert.equal((await host.visit('slow', '/?b')).body, '?b 1')
  })

  test('the page looks as the app or the host says', async () => {
    await host.sleep('slow')
    const look = { title: 'One moment', colour: '#2f7d5b' }
    assert.equal((await host.api('PATCH', '/v1/apps/slow', { waiting: look })).status, 200)
    const { body } = await host.visit('slow', '/', { headers: BROWSER })
    assert.match(body, /--accent: #2f7d5b.*<h1[^>]*>One moment<\/h1>/s)
    await host.until('slow', 'awake')
    await host.sleep('slow')
    const off = await host.api('PATCH', '/v1/apps/slow', { waiting: 'off' })
    assert.equal(off.json.settings.waiting, 'off')
    assert.equal((await host.visit('slow', '/?c', { headers: BROWSER })).body, '?c 1')
    const bad = await host.api('PATCH', '/v1/apps/slow', { waiting: { colour: 'red;}' } })
    assert.deepEqual([bad.status, bad.json.code], [400, 'invalid_settings'])
  })
})
