import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { silent } from '../log.ts'
import { Stage } from './fake-stage.ts'
import { MemoryWatch } from './memory-watch.ts'

const visitor = () => new AbortController().signal

test('an app that the engine cannot freeze goes on, and is not tried again until it has slept', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  await app.wake()
  assert.notEqual(app.freezeAfter, undefined)
  stage.machine.pause = () => {
    throw new Error('there is no freezer')
  }
  await assert.rejects(app.freeze('manual'), { code: 'freeze_refused' })
  assert.deepEqual([app.state, app.freezeAfter], ['awake', undefined])
  await app.restart()
  assert.notEqual(app.freezeAfter, undefined)
})

test('a frozen app that has to go for want of memory, and cannot be kept as an image, still answers', async t => {
  const stage = new Stage(t, ['a', 'b', 'c'])
  await stage.write('a', 'one')
  await stage.app('a').freeze('manual')
  const others = [await stage.app('b').acquire(visitor()), await stage.app('c').acquire(visitor())]
  stage.machine.commit = () => {
    throw new Error('no space left on device')
  }
  const lease = stage.app('a').acquire(visitor())
  for (let turn = 0; turn < 200; turn++) await immediate()
  for (const other of others) other.release()
  ;(await lease).release()
})

test('a frozen app whose container cannot go on is woken from its disk', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  await stage.app('a').freeze('manual')
  stage.machine.unpause = () => {
    throw new Error('it cannot go on')
  }
  const lease = await stage.app('a').acquire(visitor())
  assert.equal(lease.wake?.kind, 'cold')
  lease.release()
})

test('a snapshot of a frozen app is no visit: the next visitor is told of no wake', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  await stage.app('a').freeze('manual')
  await stage.app('a').snapshot('manual')
  const lease = await stage.app('a').acquire(visitor())
  assert.equal(lease.wake, undefined)
  lease.release()
})

test('many frozen apps that an earlier run left are put to sleep a few at a time', async t => {
  const names = Array.from({ length: 12 }, (_, n) => `app-${n}`)
  const stage = new Stage(t, names)
  for (const name of names) {
    await stage.app(name).wake()
    await stage.app(name).freeze('manual')
  }
  stage.restart()
  const { engine, apps } = stage.host
  const stop = engine.stop
  let now = 0
  let most = 0
  Object.assign(engine, {
    stop: async (id: string) => {
      most = Math.max(most, ++now)
      await immediate()
      await stop(id)
      now--
    },
  })
  await apps.reconcile()
  assert.equal(most, 4)
  assert.ok(names.every(name => stage.app(name).state === 'asleep'))
})

test('an app on its way to sleep is not charged anew for the memory that it still has', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  await stage.app('a').freeze('manual')
  const { keeper, apps, engine } = stage.host
  const before = keeper.used
  Object.assign(engine, { memory: async (ids: string[]) => new Map(ids.map(id => [id, 1])) })
  let asleep: Promise<unknown> | undefined
  const go = await stage.hold(/^stop/, () => {
    asleep = stage.app('a').sleep('manual')
  })
  await new MemoryWatch({ engine, keeper, log: silent }, apps).look()
  assert.equal(keeper.used, before)
  go()
  await asleep
})

test('a visitor who comes right after a freeze does not find memory being given back', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  const lull = Promise.withResolvers<void>()
  const paused = Promise.withResolvers<void>()
  stage.host.context.lull = signal => {
    signal.addEventListener('abort', () => lull.reject(signal.reason))
    paused.resolve()
    return lull.promise
  }
  const frozen = stage.app('a').freeze('idle')
  await paused.promise
  ;(await stage.app('a').acquire(visitor())).release()
  await frozen
  assert.deepEqual(
    stage.steps.filter(step => /^(freeze|reclaim|thaw)/.test(step)).map(step => step.split(' ')[0]),
    ['freeze', 'thaw'],
  )
})

test('where memory is short it is given back at once', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  stage.host.context.lull = () => assert.fail('nobody may wait')
  await stage.app('a').freeze('memory')
  assert.ok(stage.steps.some(step => step.startsWith('reclaim')))
})
