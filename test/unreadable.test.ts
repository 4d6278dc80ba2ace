import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestHost } from './support/host.ts'
import { deployShell, run, shellApp, sleepAndSnapshot } from './support/shell-app.ts'
import { tarOf } from './support/tar.ts'

let host: TestHost
before(async () => {
  host = await TestHost.start({ DORMICE_COMPACT_DEPTH: '2', DORMICE_COPY_AFTER: '1ms' })
})
after(() => host[Symbol.asyncDispose]())

const events = (event: string) => host.log.filter(one => one['event'] === event)

/** A deploy that is to keep what the app wrote. */
async function redeploy() {
  const files = { 'package.json': '{ "type": "module", "main": "main.js" }', 'main.js': shellApp('two') }
  return host.api('POST', '/v1/apps/odd/releases', await tarOf(files))
}

// The engine itself tries for 100 s each time.
test('an app that wrote a name of the image format sleeps, wakes and goes back; what needs its files says at once why not', {
  timeout: 90_000,
}, async () => {
  await deployShell(host, 'odd', 'one')
  await run(host, 'odd', 'echo kept > kept')
  const good = await sleepAndSnapshot(host, 'odd')
  await run(host, 'odd', 'mkdir d; echo 1 > d/.wh.evil; echo 2 > d/other')

  const isAbout = (answer: { status: number; json: any; body: string }, what: string) => {
    assert.deepEqual([answer.status, answer.json?.code], [409, 'layers_unreadable'], answer.body)
    assert.ok(answer.json.detail.startsWith(`${what} cannot be read`), answer.json.detail)
    assert.match(answer.json.detail, / because of \/app\/d\/\.wh\.evil: /)
  }
  isAbout(await redeploy(), 'what odd wrote')
  assert.equal(await host.state('odd'), 'awake')
  const bad = await sleepAndSnapshot(host, 'odd')
  isAbout(await redeploy(), `snapshot ${bad.number} of odd`)
  isAbout(await host.api('GET', '/v1/apps/odd/export'), `snapshot ${bad.number} of odd`)
  isAbout(
    await host.api('GET', `/v1/apps/odd/snapshots/${bad.number}/changes`),
    `snapshot ${bad.number} of odd`,
  )

  // Deep enough to be merged before the next wake.
  for (const n of [1, 2]) {
    await run(host, 'odd', `cat d/other; echo ${n} > f${n}`)
    await host.sleep('odd')
  }
  assert.equal((await run(host, 'odd', 'cat d/other kept f1 f2')).trim(), '2\nkept\n1\n2')
  assert.equal((await host.api('POST', '/v1/apps/odd/fork', { name: 'forked' })).status, 201)
  assert.equal((await run(host, 'forked', 'cat d/other')).trim(), '2')

  // The two ways out.
  await deployShell(host, 'forked', 'two', { fresh: true })
  assert.equal((await run(host, 'forked', 'ls d || echo gone')).trim(), 'gone')
  const back = await host.api('POST', '/v1/apps/odd/rollback', { snapshot: good.number })
  assert.equal(back.status, 200, back.body)
  assert.equal((await redeploy()).status, 201)
  assert.equal((await run(host, 'odd', 'ls kept')).trim(), 'kept')

  assert.equal(events('layers_unreadable').length, 1, JSON.stringify(events('layers_unreadable')))
  for (const event of ['compaction_failed', 'copy_failed', 'upkeep_failed', 'unexpected_error']) {
    assert.deepEqual(events(event), [])
  }
})
