import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { silent } from '../log.ts'
import type { AppSettings } from '../releases/manifest.ts'
import { TimelineStage } from '../snapshots/fake-images.ts'
import { appRoutes } from './apps.ts'
import { problemHandler } from './problems.ts'
import type { Services } from './services.ts'

/** The API with an app `notes`, whose `dormice.json` has the given settings. */
function serve(t: TestContext, uploaded: AppSettings = {}) {
  const stage = new TimelineStage()
  t.after(() => stage[Symbol.dispose]())
  const { context, apps, store } = stage
  const release = stage.release('notes', ['sha256:1'])
  store.promote({ ...release, number: 2, spec: { ...release.spec, settings: uploaded } })
  const routes = appRoutes({ context, apps } as Partial<Services> as Services)
  routes.onError(problemHandler(silent))
  const ask = async (init: RequestInit = {}) => {
    const answer = await routes.request('/v1/apps/notes', init)
    return { status: answer.status, json: JSON.parse(await answer.text()) }
  }
  const patch = (body: string | object) =>
    ask({
      method: 'PATCH',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  return { ask, patch, store, stored: () => store.app('notes')?.settings }
}

test('what is set about freezing is shown as it was set, not what comes of it', async t => {
  const { ask, patch } = serve(t)
  await patch({ freezeAfter: '2s', freeze: 'off' })
  const { freeze, freezeAfter } = (await ask()).json.settings
  assert.deepEqual([freeze, freezeAfter], ['off', 2_000])
})

test('an app’s settings are shown with where each comes from, access rules one by one', async t => {
  const { ask, patch } = serve(t, {
    pids: 64,
    sleepAfter: 60_000,
    access: { deny: ['10.0.0.7'], maxBody: 1 },
  })
  await patch({ memory: '128m', sleepAfter: '30m', access: { maxBody: '1m', rate: '20/s' } })
  const { settings, settingSources, pendingSettings } = (await ask()).json
  assert.deepEqual(
    [settings.memory, settings.cpu, settings.pids, settings.sleepAfter, settings.disk],
    [128 * 1024 ** 2, 1, 64, 1_800_000, 2 * 1024 ** 3],
  )
  const { memory, cpu, pids, sleepAfter, disk, ignore, waiting, ...others } = settingSources
  assert.deepEqual({ memory, sleepAfter }, { memory: 'set', sleepAfter: 'set' })
  assert.equal(pids, 'dormice.json')
  assert.deepEqual([cpu, disk, ignore, waiting], Array(4).fill('default'))
  assert.equal(others['access.deny'], 'dormice.json')
  assert.deepEqual([others['access.maxBody'], others['access.rate']], ['set', 'set'])
  assert.ok(!('access' in others))
  assert.deepEqual(pendingSettings, [])
})

test('an app tells when it last reached its memory limit, if it did', async t => {
  const { ask, store } = serve(t)
  assert.equal((await ask()).json.overrun, null)
  for (const [at, limit] of [64, 128].entries())
    store.overruns.note({ app: 'notes', kind: 'killed', limit, at })
  const at = '1970-01-01T00:00:00.001Z'
  assert.deepEqual((await ask()).json.overrun, { kind: 'killed', limit: 128, at, until: at, times: 1 })
})

test('where nobody is kept out, that is the default', async t => {
  const { ask } = serve(t)
  const { settings, settingSources } = (await ask()).json
  assert.deepEqual([settings.access, settingSources.access], [null, 'default'])
})

test('null takes a setting back to what the upload says, or to the default', async t => {
  const { patch, stored } = serve(t, { pids: 64 })
  await patch({ pids: 128, cpu: 0.5 })
  const { settings, settingSources } = (await patch({ pids: null, cpu: null })).json
  assert.deepEqual([settings.pids, settingSources.pids], [64, 'dormice.json'])
  assert.deepEqual([settings.cpu, settingSources.cpu], [1, 'default'])
  assert.deepEqual(stored(), {})
})

const wrong: [body: string | object, said: RegExp][] = [
  [{ memory: '128m', mem: '1g' }, /^there is no setting "mem"; did you mean memory\?$/],
  [{ memory: '128m', mem: null }, /^there is no setting "mem"; did you mean memory\?$/],
  ['{"memory": "128m", "toString": null}', /^there is no setting "toString"; accepted: memory, /],
  [{ memory: '128m', cpu: 'half' }, /^cpu: accepted: a number$/],
  [{ memory: '128m', sleepAfter: '30' }, /^sleepAfter: "30" is not a duration; accepted: e\.g\. "500ms", /],
  [{ cpu: 0.5, memory: '900g' }, /^memory: accepted: 16m to 64g$/],
  [{ cpu: 0.5, memory: '2g' }, /^memory: accepted: 16m to 1024m, the host's budget \(DORMICE_MEMORY\)$/],
]

test('a setting that is wrong is answered with what is accepted, and none of the others is set', async t => {
  const { patch, stored } = serve(t)
  for (const [body, said] of wrong) {
    const { status, json } = await patch(body)
    assert.deepEqual([status, json.code], [400, 'invalid_settings'], JSON.stringify(body))
    assert.match(json.detail, said)
    assert.deepEqual(stored(), {})
  }
})
