import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stage } from './fake-stage.ts'
import { makeRelease, releaseAlone } from './fake-world.ts'
import { Pace } from './pace.ts'

test('a start is expected to take as long as the middle one of the last five', () => {
  const pace = new Pace()
  const starts = (...times: number[]) => {
    for (const ms of times) {
      pace.note([
        { name: 'create', ms: 10 },
        { name: 'start', ms: ms - 10 },
      ])
    }
    return pace.expected
  }
  assert.equal(pace.expected, undefined)
  assert.equal(starts(3_000), 3_000)
  assert.equal(starts(300, 60_000), 3_000)
  assert.equal(starts(300, 300), 300)
  assert.equal(starts(4_000, 5_000, 6_000), 4_000)
})

test('how long an app takes to start is known from its last starts, those of another release forgotten', async t => {
  let now = 1_000
  t.mock.method(performance, 'now', () => now)
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  /** Lets a start take some time. */
  async function took(ms: number, begin: () => Promise<unknown>): Promise<number | undefined> {
    let done: Promise<unknown> | undefined
    const go = await stage.hold(/^create/, () => {
      done = begin()
    })
    assert.equal(app.forecast.state, 'waking')
    now += ms
    go()
    await done
    return app.forecast.expected
  }
  assert.deepEqual(app.forecast, { state: 'asleep', expected: undefined })
  assert.equal(await took(3_000, () => app.wake()), 3_000)
  await app.sleep('manual')
  assert.equal(await took(4_000, () => app.wake()), 4_000)
  const { store } = stage.host
  const next = makeRelease(store, stage.machine, 'a', 'good')
  assert.equal(await took(500, () => app.goOnAs('deploy', async () => releaseAlone(store, next))), 500)
  assert.deepEqual(app.forecast, { state: 'awake', expected: 500 })
})
