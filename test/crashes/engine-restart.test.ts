import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Answer, TestHost } from '../support/host.ts'
import { deployLedger, read, write } from '../support/ledger.ts'
import { PrivateEngine } from '../support/private-engine.ts'

function assertTryAgain(answer: Answer, code: string): void {
  assert.equal(answer.status, 503, answer.body)
  assert.equal(answer.headers['x-dormice-error'], code)
  assert.ok(Number(answer.headers['retry-after']) >= 1)
}

/** Writes something when it is told to end, and tells what it wrote. */
const polite = `import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
createServer((_, res) => res.end(existsSync('said') ? readFileSync('said') : '')).listen(process.env.PORT)
process.on('SIGTERM', () => {
  writeFileSync('said', 'goodbye')
  process.exit()
})
`

describe('an engine that dies and comes back', { skip: PrivateEngine.impossible }, () => {
  let engine: PrivateEngine
  let host: TestHost
  before(async () => {
    engine = await PrivateEngine.start()
    host = await TestHost.start({}, { engine })
  })
  after(async () => {
    await host?.[Symbol.asyncDispose]()
    await engine?.[Symbol.asyncDispose]()
  })

  const containerOf = async (app: string) =>
    (await host.containers()).find(({ Labels }) => Labels['dormice.app'] === app)
  const events = (name: string, app: string) =>
    host.log.filter(entry => entry['event'] === name && entry['app'] === app)

  test('while it is down an awake app goes on and a sleeping one is a 503; back, both have all they wrote', async () => {
    await deployLedger(host, 'awake', 'before')
    await deployLedger(host, 'asleep', 'before')
    await host.sleep('asleep')
    await engine.kill()
    await write(host, 'awake', 'meanwhile')
    assertTryAgain(await host.visit('asleep'), 'engine_unavailable')
    const moved = await host.api('POST', '/v1/apps/awake/sleep')
    assert.deepEqual([moved.status, moved.json.code], [503, 'engine_unavailable'])
    await engine.start()
    assert.deepEqual(await read(host, 'asleep'), ['before'])
    assert.deepEqual(await read(host, 'awake'), ['before', 'meanwhile'])
  })

  test('its start ends the instances that ran, and the next request is answered with all they wrote', async () => {
    await deployLedger(host, 'ended', 'before')
    const container = await containerOf('ended')
    await engine.kill()
    await engine.start()
    assert.deepEqual(await read(host, 'ended'), ['before'])
    assert.notEqual((await containerOf('ended'))?.Id, container?.Id)
    await host.sleep('ended')
    assert.deepEqual(await read(host, 'ended'), ['before'])
  })

  test('its start lets frozen apps end in good order too', async () => {
    await host.deployText('frozen', 'main.mjs', polite)
    assert.equal((await host.visit('frozen')).body, '')
    assert.equal((await host.api('POST', '/v1/apps/frozen/freeze')).status, 200)
    await engine.kill()
    await engine.start()
    assert.equal((await host.visit('frozen')).body, 'goodbye')
  })

  test('a request right after the host noticed is not told that the app crashed', async () => {
    await deployLedger(host, 'noticed', 'before')
    await engine.kill()
    await engine.start()
    while (events('app_died', 'noticed').length === 0 || (await host.state('noticed')) === 'falling-asleep')
      await new Promise(resolve => setTimeout(resolve, 20))
    assert.deepEqual(await read(host, 'noticed'), ['before'])
  })

  test('with live restore the very same instance goes on', async () => {
    engine.liveRestore = true
    await engine.stop()
    await engine.start()
    await deployLedger(host, 'live', 'before')
    const container = await containerOf('live')
    await engine.kill()
    await write(host, 'live', 'meanwhile')
    await engine.start()
    await write(host, 'live', 'after')
    assert.equal((await containerOf('live'))?.Id, container?.Id)
    await host.sleep('live')
    assert.deepEqual(await read(host, 'live'), ['before', 'meanwhile', 'after'])
    engine.liveRestore = false
    await engine.stop()
    await engine.start()
  })

  test('a loss of power ends engine and instances at once: 503 while it is dark, then all that was written', async () => {
    await deployLedger(host, 'dark', 'before')
    await engine.kill({ containers: true })
    assertTryAgain(await host.visit('dark'), 'engine_unavailable')
    await engine.start()
    assert.deepEqual(await read(host, 'dark'), ['before'])
  })

  test('ended in good order, as for an upgrade, and started, it has all that was written', async () => {
    await deployLedger(host, 'upgraded', 'before')
    await engine.stop()
    // The engine ends its containers before itself: so soon afterwards the app is held back as one that ended.
    const answer = await host.visit('upgraded')
    const isHeldBack = answer.headers['x-dormice-error'] === 'app_crashed'
    assertTryAgain(answer, isHeldBack ? 'app_crashed' : 'engine_unavailable')
    await engine.start()
    assert.deepEqual(await read(host, 'upgraded'), ['before'])
  })

  test('restarted while the host is down too, each app is found as it was', async () => {
    await deployLedger(host, 'running', 'before')
    await deployLedger(host, 'sleeping', 'before')
    await host.sleep('sleeping')
    await host.kill('SIGKILL')
    await engine.kill({ containers: true })
    await engine.start()
    await host.boot()
    assert.deepEqual(await read(host, 'running'), ['before'])
    assert.deepEqual(await read(host, 'sleeping'), ['before'])
    await host.sleep('running')
    assert.deepEqual(await read(host, 'running'), ['before'])
  })

  test('not there when the host starts: 503 until it is, then all that was written, without another start', async () => {
    await deployLedger(host, 'early', 'before')
    await host.kill('SIGTERM')
    await engine.kill()
    await host.boot()
    assertTryAgain(await host.visit('early'), 'engine_unavailable')
    await engine.start()
    assert.deepEqual(await read(host, 'early'), ['before'])
  })

  test('a container removed by hand: the next request is served from the last snapshot, and the log says so', async () => {
    await deployLedger(host, 'removed', 'slept on')
    await host.sleep('removed')
    await write(host, 'removed', 'never slept on')
    const container = await containerOf('removed')
    // So that the host hears of its end when there is nothing left of it to keep.
    process.kill(host.pid, 'SIGSTOP')
    await engine.docker.getContainer(container?.Id ?? '').remove({ force: true })
    process.kill(host.pid, 'SIGCONT')
    assert.deepEqual(await read(host, 'removed'), ['slept on'])
    assert.equal(events('container_gone', 'removed').length, 1)
    assert.equal(await host.state('removed'), 'awake')
  })
})
