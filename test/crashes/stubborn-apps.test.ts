import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TestHost } from '../support/host.ts'
import { ledger, read, write } from '../support/ledger.ts'

/** Milliseconds of an ISO time. */
const ms = (time: string) => Date.parse(time)

describe('apps that do what apps should not', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start()
  })
  after(() => host[Symbol.asyncDispose]())

  const show = async (app: string) => (await host.api('GET', `/v1/apps/${app}`)).json

  test('one that ignores SIGTERM is killed after its ten seconds and keeps what it wrote', async () => {
    await host.deployText(
      'deaf',
      'index.js',
      `
      const { appendFileSync, readFileSync } = require('fs')
      process.on('SIGTERM', () => {})
      require('http').createServer(async (request, response) => {
        for await (const chunk of request) appendFileSync('ledger', chunk + '\\n', { flush: true })
        response.end(readFileSync('ledger', { flag: 'a+' }))
      }).listen(8080)`,
    )
    await write(host, 'deaf', 'before')
    const began = performance.now()
    await host.sleep('deaf')
    const took = performance.now() - began
    assert.ok(took > 9_000 && took < 25_000, `${took} ms`)
    assert.deepEqual(await read(host, 'deaf'), ['before'])
  })

  test('one that writes 200 MB sleeps and wakes with every byte', async () => {
    await host.deployText(
      'hoarder',
      'main.js',
      `
      import { createHash, randomBytes } from 'node:crypto'
      import { appendFileSync, createReadStream } from 'node:fs'
      export default { async fetch(request) {
        const hash = createHash('sha256')
        if (request.method === 'POST') {
          for (let n = 0; n < 200; n++) {
            const chunk = randomBytes(1_000_000)
            appendFileSync('hoard', chunk)
            hash.update(chunk)
          }
        } else for await (const chunk of createReadStream('hoard')) hash.update(chunk)
        return new Response(hash.digest('hex'))
      } }`,
    )
    const written = await host.visit('hoarder', '/', { method: 'POST' })
    assert.match(written.body, /^[0-9a-f]{64}$/)
    await host.sleep('hoarder')
    assert.equal((await host.visit('hoarder')).body, written.body)
  })

  const greedy = `
    const kept = []
    export default { async fetch(request) {
      if (request.url.endsWith('/eat')) for (;;) {
        kept.push(Buffer.alloc(8_000_000, 1))
        await new Promise(setImmediate)
      }
      return app.fetch(request)
    } }`

  test('one that is killed for memory is told to have been, and keeps what it wrote', async () => {
    await host.deployText(
      'greedy',
      'main.js',
      `${ledger.replace('export default', 'const app =')}\n${greedy}`,
    )
    await host.api('PATCH', '/v1/apps/greedy', { memory: '96m' })
    await host.api('POST', '/v1/apps/greedy/restart')
    await write(host, 'greedy', 'before')
    assert.equal((await host.visit('greedy', '/eat', { method: 'POST' })).status, 502)
    await host.until('greedy', 'crashed')
    const { failure } = await show('greedy')
    assert.match(failure.message, /memory/)
    await host.api('POST', '/v1/apps/greedy/wake')
    assert.deepEqual(await read(host, 'greedy'), ['before'])
  })

  test('one in a crash loop is held back ever longer; its operator is told the last lines, a visitor nothing', async () => {
    await host.deployText(
      'looping',
      'main.js',
      `
      import { existsSync, writeFileSync } from 'node:fs'
      if (existsSync('broken')) { console.error('the secret reason'); process.exit(3) }
      export default { fetch: () => { writeFileSync('broken', ''); return new Response('ok') } }`,
    )
    await host.visit('looping')
    await host.sleep('looping')
    const pauses: number[] = []
    for (let n = 0; n < 4; n++) {
      const woken = await host.api('POST', '/v1/apps/looping/wake')
      assert.deepEqual([woken.status, woken.json.code], [503, 'app_crashed'])
      assert.match(woken.json.detail, /exit code 3/)
      assert.match(woken.json.log, /the secret reason/)
      const { state, failure } = await show('looping')
      assert.equal(state, 'crashed')
      assert.match(failure.log, /the secret reason/)
      pauses.push(ms(failure.retryAt) - ms(failure.at))
    }
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000])
    const containers = (await host.containers()).filter(one => one.Labels['dormice.app'] === 'looping')
    assert.deepEqual(containers, [])
    const began = performance.now()
    const answer = await host.visit('looping')
    assert.ok(performance.now() - began < 1_000, 'it is answered without a wake')
    assert.deepEqual([answer.status, answer.headers['x-dormice-error']], [503, 'app_crashed'])
    const wait = Number(answer.headers['retry-after'])
    assert.ok(wait >= 1 && wait <= 8, `Retry-After: ${wait}`)
    assert.doesNotMatch(answer.body, /secret|exit code/)
  })
})
