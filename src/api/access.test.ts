import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { silent } from '../log.ts'
import { isPassword } from '../passwords.ts'
import { exportedSettings } from '../snapshots/export-format.ts'
import { TimelineStage } from '../snapshots/fake-images.ts'
import { appRoutes } from './apps.ts'
import { problemHandler } from './problems.ts'
import type { Services } from './services.ts'

/** The API with an app `notes`, whose `dormice.json` has the given rules. */
function serve(t: TestContext, uploaded: object = {}) {
  const stage = new TimelineStage()
  t.after(() => stage[Symbol.dispose]())
  const { context, apps, store } = stage
  const release = stage.release('notes', ['sha256:1'])
  const spec = { ...release.spec, settings: { access: uploaded } }
  store.promote({ ...release, number: 2, spec })
  const instance = apps.instance('notes')
  instance.settingsChanged()
  const routes = appRoutes({ context, apps } as Partial<Services> as Services)
  routes.onError(problemHandler(silent))
  const patch = async (access: unknown) => {
    const answer = await routes.request('/v1/apps/notes', {
      method: 'PATCH',
      body: JSON.stringify({ access }),
      headers: { 'content-type': 'application/json' },
    })
    const text = await answer.text()
    const json = JSON.parse(text)
    return { status: answer.status, text, detail: json.detail, access: json.settings?.access }
  }
  const stored = () => store.app('notes')?.settings.access
  return { patch, stored, instance, routes, store }
}

function users(count: number): Record<string, null> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`user${n}`, null]))
}

test('access rules are set, changed one by one, and taken back', async t => {
  const { patch, stored, instance } = serve(t)
  assert.equal((await patch({ allow: ['10.0.0.0/8'], rate: '20/s', maxBody: '1m' })).status, 200)
  const { access } = await patch({ rate: null, concurrency: 4, queueTimeout: '5s' })
  const rules = { allow: ['10.0.0.0/8'], maxBody: 1024 * 1024, concurrency: 4, queueTimeout: 5000 }
  assert.deepEqual(access, rules)
  assert.deepEqual(stored(), rules)
  assert.deepEqual(instance.rules?.access, rules)
  assert.equal((await patch(null)).access, null)
  assert.equal(instance.rules, undefined)
})

test('rates are told in requests per time, with what may come at once', async t => {
  const { patch } = serve(t)
  const rates = [
    ['20/s', { requests: 20, per: 1000, burst: 20 }],
    ['600/m', { requests: 600, per: 60_000, burst: 600 }],
    ['5/10s', { requests: 5, per: 10_000, burst: 5 }],
    [
      { requests: 2, per: '1m', burst: 9 },
      { requests: 2, per: 60_000, burst: 9 },
    ],
  ] as const
  for (const [rate, shown] of rates) assert.deepEqual((await patch({ rate })).access, { rate: shown })
})

test('passwords are stored as hashes, shown by nobody, and changed user by user', async t => {
  const { patch, stored, routes, store } = serve(t)
  const { access, text } = await patch({ auth: { anna: 'correct horse', ben: 'battery staple' } })
  assert.deepEqual(access, { auth: ['anna', 'ben'] })
  assert.doesNotMatch(text, /correct|battery|scrypt/)
  const before = stored()?.auth
  assert.ok(await isPassword('correct horse', before?.['anna'] ?? ''))
  assert.ok(!(await isPassword('battery staple', before?.['anna'] ?? '')))
  await patch({ auth: { ben: null, cleo: 'another one' }, rate: '1/s' })
  assert.deepEqual(Object.keys(stored()?.auth ?? {}), ['anna', 'cleo'])
  assert.equal(stored()?.auth?.['anna'], before?.['anna'])
  for (const path of ['/v1/apps', '/v1/apps/notes']) {
    assert.doesNotMatch(await (await routes.request(path)).text(), /scrypt/)
  }
  const settings = store.app('notes')?.settings ?? {}
  assert.doesNotMatch(JSON.stringify(exportedSettings(settings)), /scrypt/)
  assert.deepEqual(exportedSettings(settings).access?.auth, { anna: null, cleo: null })
})

test('without its last user an app asks for no password', async t => {
  const { patch } = serve(t)
  await patch({ auth: { anna: 'correct horse' }, concurrency: 2 })
  assert.deepEqual((await patch({ auth: { anna: null } })).access, { concurrency: 2 })
  await patch({ auth: { anna: 'correct horse' } })
  assert.deepEqual((await patch({ auth: null })).access, { concurrency: 2 })
})

test('what is not accepted changes nothing, is said in one sentence, and never says a password', async t => {
  const { patch, stored } = serve(t)
  await patch({ concurrency: 2 })
  const refused: [unknown, RegExp][] = [
    [{ allow: ['10.0.0.0/33'] }, /^access\.allow\.0: "10\.0\.0\.0\/33" is not an address or a network; acc/],
    [{ deny: '10.0.0.1' }, /^access\.deny: /],
    [{ rate: 'fast' }, /^access\.rate: "fast" is not a rate; accepted: e\.g\. "20\/s"/],
    [{ rate: '0/s' }, /^access\.rate: "0\/s" is not a rate/],
    [{ rate: { requests: 1 } }, /^access\.rate: accepted: e\.g\. "20\/s"/],
    [{ maxBody: 'big' }, /^access\.maxBody: "big" is not a size; accepted: e\.g\. "128m"/],
    [{ concurrency: 0 }, /^access\.concurrency: accepted: 1 and more$/],
    [{ concurrency: 100_000 }, /^access\.concurrency: accepted: at most 65536$/],
    [{ queue: 1.5 }, /^access\.queue: accepted: a whole number$/],
    [{ queueTimeout: '1h' }, /^access\.queueTimeout: accepted: 100ms to 10m/],
    [{ speed: 1 }, /^access: there is no setting "speed"; accepted: allow, deny, auth, rate, maxBody/],
    ['hunter22', /^access: /],
    [{ auth: 'anna:hunter22' }, /^access\.auth: accepted: \{"user": "password", …\}/],
    [{ auth: ['hunter22'] }, /^access\.auth: accepted/],
    [{ auth: { anna: ['hunter22'] } }, /^access\.auth: a password is not accepted; accepted: 8 to 256 bytes/],
    [{ auth: { anna: 'hunter22'.repeat(40) } }, /^access\.auth: a password is not accepted/],
    [{ auth: { anna: 'short' } }, /^access\.auth: a password is not accepted/],
    [{ auth: { 'an:na': 'hunter22' } }, /^access\.auth: a user’s name is not accepted; accepted: 1 to 64/],
    [{ auth: { 'hunter22!': 'anna' } }, /^access\.auth: a user’s name is not accepted/],
    [{ auth: users(101) }, /^access\.auth: accepted: at most 100 users$/],
  ]
  for (const [change, said] of refused) {
    const { status, text, detail } = await patch(change)
    assert.equal(status, 400, text)
    assert.match(detail, said)
    assert.doesNotMatch(text, /hunter22/)
  }
  assert.deepEqual(stored(), { concurrency: 2 })
})

test('an app has a bounded number of users, however they came', async t => {
  const { patch, stored, store } = serve(t)
  store.setSettings('notes', { access: { auth: users(100) } })
  const { status, detail } = await patch({ auth: { anna: 'hunter22' } })
  assert.deepEqual([status, detail], [400, 'access.auth: accepted: at most 100 users'])
  await patch({ auth: { user0: null, anna: 'hunter22' } })
  assert.equal(Object.keys(stored()?.auth ?? {}).length, 100)
})

test('what is set for the app wins over its dormice.json rule by rule, so that a new rate opens nothing', async t => {
  const { patch, instance } = serve(t, { allow: ['10.0.0.0/8'], maxBody: 1000 })
  const { access } = await patch({ maxBody: 2000, concurrency: 1 })
  assert.deepEqual(access, { allow: ['10.0.0.0/8'], maxBody: 2000, concurrency: 1 })
  assert.deepEqual(instance.rules?.access, access)
})

test('the rules are another object after a change, and the same one as long as nothing changes', async t => {
  const { patch, instance } = serve(t)
  await patch({ concurrency: 1 })
  const { rules } = instance
  instance.settingsChanged()
  assert.equal(instance.rules, rules)
  await patch({ concurrency: 2 })
  assert.notEqual(instance.rules, rules)
})
