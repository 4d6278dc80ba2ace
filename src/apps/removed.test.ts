import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stage } from './fake-stage.ts'
import { makeRelease, releaseAlone } from './fake-world.ts'
import type { Instance } from './instance.ts'

/* Somebody removes an app's container by hand (`docker rm -f`) just as it starts. */

/** Before the engine starts it, before it is looked at, before it is waited for, and before its port answers. */
const moments = [/^run/, /^look at c/, /^answer look at c/, /^probe/]

/** Does something to an app whose container is removed each time that the app comes to one of the moments. */
async function remove(stage: Stage, at: readonly RegExp[], begin: (app: Instance) => Promise<unknown>) {
  let done: Promise<unknown> | undefined
  let go: (() => void) | undefined
  for (const moment of at) {
    const next = await stage.hold(moment, () => {
      if (go) go()
      else {
        done = begin(stage.app('a'))
        done.catch(() => undefined)
      }
    })
    for (const { id } of stage.containersOf('a')) stage.machine.remove(id)
    go = next
  }
  go?.()
  return done
}

/** Makes the app go on as another release. */
function deploy(stage: Stage): (app: Instance) => Promise<void> {
  const { host, machine } = stage
  const release = makeRelease(host.store, machine, 'a', 'good', new Map([['new', 'code']]))
  return app => app.goOnAs('deploy', async () => releaseAlone(host.store, release))
}

for (const moment of moments) {
  test(`an app whose container is removed as it wakes (${moment}) is started once more`, async t => {
    const stage = new Stage(t, ['a'])
    await stage.write('a', 'one')
    await stage.app('a').sleep('manual')
    await remove(stage, [moment], app => app.wake())
    assert.deepEqual([stage.app('a').state, stage.app('a').failure], ['awake', undefined])
    assert.deepEqual(await stage.read('a'), ['one'])
  })

  test(`a new release whose container is removed as it is tried (${moment}) is started once more`, async t => {
    const stage = new Stage(t, ['a'])
    await stage.app('a').wake()
    await remove(stage, [moment], deploy(stage))
    assert.deepEqual(await stage.read('a'), ['new'])
    assert.equal(stage.containersOf('a').length, 1)
  })
}

test('an app whose container is removed as it restarts is started once more', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  await remove(stage, [/^probe/], app => app.restart())
  assert.deepEqual(await stage.read('a'), ['one'])
})

test('an app whose container is removed as it is adopted goes on from its newest snapshot', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  await stage.app('a').snapshot('manual')
  await stage.write('a', 'two')
  stage.restart()
  await remove(stage, [/^probe/], app => app.wake())
  assert.deepEqual(await stage.read('a'), ['one'])
})

test('whose container is removed again is told so, and the next request finds the app all right', async t => {
  for (const moment of moments) {
    const stage = new Stage(t, ['a'])
    await assert.rejects(
      remove(stage, [moment, moment], app => app.wake()),
      { code: 'wake_failed', status: 503 },
    )
    assert.equal(stage.app('a').state, 'asleep')
    assert.deepEqual(await stage.read('a'), [])
  }
})

test('a new release whose container is removed again is not ready, and the old one is back', async t => {
  for (const moment of moments) {
    const stage = new Stage(t, ['a'])
    await stage.write('a', 'one')
    await assert.rejects(remove(stage, [moment, moment], deploy(stage)), {
      code: 'release_not_ready',
      status: 422,
    })
    assert.equal(stage.app('a').state, 'awake')
    assert.deepEqual(await stage.read('a'), ['one'])
  }
})
