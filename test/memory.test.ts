import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestHost } from './support/host.ts'

const MiB = 1024 * 1024

/** They need all of their 64 MB, so that they are charged for it however well they are known. */
const held = 'globalThis.held = Buffer.alloc(40 * 1024 * 1024, 1);'
const app = `${held} export default { fetch: () => new Response('ok') }`
const slow = `${held}
  export default { fetch: () => new Promise(done => setTimeout(() => done(new Response('ok')), 4000)) }`
const budgetOf3 = { DORMICE_MEMORY: '210m', DORMICE_FREEZE_AFTER: 'off', DORMICE_EVICTION: 'lru' }

describe('a budget for three instances', () => {
  let host: TestHost
  const names = Array.from({ length: 10 }, (_, n) => `app-${n}`)

  before(async () => {
    host = await TestHost.start(budgetOf3)
    await make(app, names)
    await make(slow, ['slow-0', 'slow-1', 'slow-2'])
  })
  after(() => host[Symbol.asyncDispose]())

  /** Sleeping apps of one program, of which only the first is built. */
  async function make(program: string, [first = '', ...others]: readonly string[]): Promise<void> {
    await host.deployText(first, 'main.js', program)
    await host.api('PATCH', `/v1/apps/${first}`, { memory: '64m' })
    await host.sleep(first)
    for (const name of others)
      assert.equal((await host.api('POST', `/v1/apps/${first}/fork`, { name })).status, 201)
  }

  const awake = async () =>
    (await host.containers()).filter(container => container.State === 'running').length

  test('ten apps asked in turn are all answered 200 and never more than three are awake', async () => {
    let most = 0
    const watching = new AbortController()
    const watch = (async () => {
      while (!watching.signal.aborted) {
        most = Math.max(most, await awake())
        await sleep(10)
      }
    })()
    for (const name of [...names, ...names]) assert.equal((await host.visit(name)).status, 200)
    watching.abort()
    await watch
    assert.equal(most, 3)
  })

  test('the least recently used app yields first', async () => {
    for (const name of ['app-0', 'app-1', 'app-2', 'app-0', 'app-3']) await host.visit(name)
    const { apps } = (await host.api('GET', '/v1/apps')).json
    const up = apps
      .filter((one: { state: string }) => one.state === 'awake')
      .map((one: { name: string }) => one.name)
    assert.deepEqual(up, ['app-0', 'app-2', 'app-3'])
  })

  test('a busy app is never put to sleep for another, which waits its turn', async () => {
    const busy = ['slow-0', 'slow-1', 'slow-2'].map(name => host.visit(name))
    for (const name of ['slow-0', 'slow-1', 'slow-2']) await host.until(name, 'awake')
    const began = Date.now()
    const late = await host.visit('app-5')
    assert.equal(late.status, 200)
    assert.ok(Date.now() - began > 500, 'it had to wait for one of the busy ones')
    assert.deepEqual(await Promise.all(busy).then(all => all.map(answer => answer.status)), [200, 200, 200])
  })

  test('a setting that the budget cannot hold is refused with a sentence', async () => {
    const answer = await host.api('PATCH', '/v1/apps/app-0', { memory: '1g' })
    assert.equal(answer.status, 400)
    assert.match(answer.json?.detail ?? answer.body, /DORMICE_MEMORY/)
  })
})

describe('a budget that the limits of two apps are too large for', () => {
  let host: TestHost
  before(async () => {
    host = await TestHost.start({ DORMICE_MEMORY: '300m' })
    for (const name of ['one', 'two'])
      await host.deployText(name, 'main.js', "export default { fetch: () => new Response('ok') }")
  })
  after(() => host[Symbol.asyncDispose]())

  test('is enough for both once it has been seen how little they need', async () => {
    const states = async () => [await host.state('one'), await host.state('two')]
    while ((await states()).some(state => state !== 'awake'))
      for (const name of ['one', 'two']) assert.equal((await host.visit(name)).status, 200)
  })

  test('is counted in what the kernel says that they have', async () => {
    const told = async () => (await host.api('GET', '/v1/apps/one')).json.memory
    let { now, peak } = await told()
    while (peak === null) ({ now, peak } = await told())
    assert.ok(now > 5 * MiB && now < 256 * MiB && peak >= now, `${now} of ${peak} bytes`)
  })
})
