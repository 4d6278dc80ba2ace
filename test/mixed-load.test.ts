import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestHost } from './support/host.ts'
import { MixedVisits, mixedApp } from './support/mixed-visits.ts'

const cycles = 50
/** What both apps have, so that neither fits beside the other, awake or frozen. */
const held = 'globalThis.held = Buffer.alloc(40 * 1024 * 1024, 1);\n'
/** ms between two requests; they go on while the app falls asleep and wakes. */
const pace = 20

/** Ways in which the app is put to sleep; each resolves once that is under way or done. */
const ways = {
  async manual(host: TestHost) {
    const { status, json } = await host.api('POST', '/v1/apps/mixed/sleep')
    // A request that came in before the stop was sent has cancelled it.
    assert.ok(status === 200 || json.code === 'sleep_cancelled', `${status} ${json?.detail}`)
  },
  /** Another app wants the memory of which there is enough for one. */
  async memory(host: TestHost) {
    assert.equal((await host.visit('mixed', '/small')).status, 200)
    assert.equal((await host.visit('rival')).status, 200)
  },
  async idle(host: TestHost) {
    // The rival may have had its memory at last only when all its requests were answered.
    assert.equal((await host.visit('mixed', '/small')).status, 200)
    while (['awake', 'frozen'].includes(await host.state('mixed'))) await sleep(2)
  },
}

describe('a mixed load', () => {
  let host: TestHost
  before(async () => {
    // It is frozen on the way to each sleep for idleness or memory.
    const settings = { DORMICE_MEMORY: '70m', DORMICE_FREEZE_AFTER: '400ms', DORMICE_SLEEP_AFTER: '1s' }
    host = await TestHost.start(settings)
    await host.deployText('mixed', 'main.js', `${held}${mixedApp}`)
    await host.deployText('rival', 'main.js', `${held}export default { fetch: () => new Response('ok') }`)
    for (const app of ['mixed', 'rival']) await host.api('PATCH', `/v1/apps/${app}`, { memory: '80m' })
    await host.visit('mixed', '/small')
  })
  after(() => host[Symbol.asyncDispose]())

  const sleeps = (reason: string) =>
    host.log.filter(({ event, app, reason: why }) => event === 'asleep' && app === 'mixed' && why === reason)
      .length

  test(`of 1,000 requests across ${cycles} sleeps by hand, by memory and by idleness, all are answered`, async () => {
    const visits = new MixedVisits(host, 'mixed')
    const failed: string[] = []
    let sent = 0
    const send = async () => {
      const kind = visits.kinds[sent++ % visits.kinds.length]
      await kind?.().catch(error => failed.push(`request ${sent}: ${error}`))
    }
    const order = Object.keys(ways) as (keyof typeof ways)[]
    for (let cycle = 0; cycle < cycles; cycle++) {
      const reason = order[cycle % order.length] ?? 'manual'
      const before = sleeps(reason)
      // By idleness it falls asleep between loads only; the load comes while it does.
      if (reason === 'idle') await ways.idle(host)
      const answers: Promise<void>[] = []
      const load = (async () => {
        for (let n = 0; n < 20; n++) {
          answers.push(send())
          await sleep(pace)
        }
      })()
      if (reason !== 'idle') await ways[reason](host)
      await load
      await Promise.all(answers)
      while (sleeps(reason) === before) await ways[reason](host)
    }
    assert.deepEqual(failed, [])
    assert.equal(sent, 1_000)
    for (const reason of order) assert.ok(sleeps(reason) >= Math.floor(cycles / order.length), reason)

    const notes = (await host.visit('mixed', '/notes')).body.trim().split('\n')
    assert.deepEqual(notes.toSorted(), visits.notes.toSorted())
  })
})
