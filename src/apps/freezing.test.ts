import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { silent } from '../log.ts'
import { Stage } from './fake-stage.ts'
import { overhead } from './footprint.ts'
import { MemoryWatch } from './memory-watch.ts'

const MiB = 1024 * 1024
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

/** A host's start, on which what containers have in memory is known. */
async function begin({ host: { engine, apps } }: Stage, bytes: number): Promise<void> {
  const memory = async (ids: readonly string[]) => new Map(ids.map(id => [id, bytes]))
  Object.assign(engine, { memory, reclaim: async () => bytes })
  await apps.reconcile()
}

/** Apps that an earlier run of the host left frozen, each with a file; the next one has not looked at them yet. */
async function leftFrozen(t: TestContext, names: readonly string[]): Promise<Stage> {
  const stage = new Stage(t, names)
  for (const name of names) {
    await stage.write(name, 'one')
    await stage.app(name).freeze('manual')
  }
  stage.restart()
  return stage
}

test('an app that an earlier run left frozen stays so, is charged for what it has, and goes on when asked', async t => {
  const stage = await leftFrozen(t, ['a'])
  const [container] = stage.containersOf('a')
  assert.ok(container)
  await begin(stage, 7 * MiB)
  assert.deepEqual([stage.app('a').state, container.state], ['frozen', 'paused'])
  assert.equal(stage.host.keeper.used, overhead + 7 * MiB)
  const lease = await stage.app('a').acquire(visitor())
  assert.equal(lease.wake?.kind, 'frozen')
  assert.equal(stage.machine.at(lease.upstream.host), container)
  lease.release()
  assert.ok(container.disk.has('one'))
  assert.equal(stage.host.keeper.used, overhead + (container.limits.memory + 7 * MiB) / 2)
})

test('one that is asked for before it was looked at goes on as well', async t => {
  const stage = await leftFrozen(t, ['a'])
  const [container] = stage.containersOf('a')
  const lease = await stage.app('a').acquire(visitor())
  assert.equal(lease.wake?.kind, 'frozen')
  assert.equal(stage.machine.at(lease.upstream.host), container)
  lease.release()
})

test('one that the engine did not tell of at first is frozen once it does', async t => {
  const stage = await leftFrozen(t, ['a'])
  stage.machine.fates = ['ok', 'before']
  await begin(stage, MiB)
  assert.equal(stage.app('a').state, 'asleep')
  await stage.host.apps.look()
  await stage.app('a').undisturbed(async () => undefined)
  assert.equal(stage.app('a').state, 'frozen')
})

test('one that is never to be frozen by now, or lost its network, is put to sleep with its files', async t => {
  for (const change of ['freeze: off', 'no network'] as const) {
    for (const asked of [false, true]) {
      const stage = await leftFrozen(t, ['a'])
      const { store, engine, apps } = stage.host
      if (change === 'freeze: off') {
        store.setSettings('a', { freeze: 'off' })
        apps.get('a').settingsChanged()
      } else {
        const look = engine.container
        const cutOff = async (id: string) => {
          const found = await look(id)
          return found.state === 'paused' ? { ...found, address: undefined } : found
        }
        Object.assign(engine, { container: cutOff })
      }
      if (!asked) await apps.reconcile()
      if (!asked) assert.equal(stage.app('a').state, 'asleep')
      assert.ok((await stage.read('a')).includes('one'))
    }
  }
})

test('many of which none is to be frozen any more are put to sleep a few at a time', async t => {
  const names = Array.from({ length: 12 }, (_, n) => `app-${n}`)
  const stage = await leftFrozen(t, names)
  const { engine, apps, store } = stage.host
  for (const name of names) {
    store.setSettings(name, { freeze: 'off' })
    apps.get(name).settingsChanged()
  }
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

test('where the budget is too small by now for all that were left frozen, some sleep', async t => {
  const names = Array.from({ length: 6 }, (_, n) => `app-${n}`)
  const stage = await leftFrozen(t, names)
  await begin(stage, 60 * MiB)
  const { keeper, apps, engine } = stage.host
  assert.ok(keeper.used > keeper.budget)
  const watch = new MemoryWatch({ engine, keeper, log: silent }, apps)
  await watch.look()
  for (const name of names) await stage.app(name).undisturbed(async () => undefined)
  const states = names.map(name => stage.app(name).state)
  assert.deepEqual(states, ['asleep', 'asleep', 'asleep', 'frozen', 'frozen', 'frozen'])
  assert.ok(keeper.used <= keeper.budget)
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

test('where memory becomes short right after a freeze it is given back at once', async t => {
  const stage = new Stage(t, ['a', 'b', 'c'])
  await stage.write('a', 'one')
  const { keeper, context } = stage.host
  const lull = Promise.withResolvers<void>()
  const frozen = Promise.withResolvers<void>()
  context.lull = signal => {
    signal.addEventListener('abort', () => lull.reject(signal.reason))
    frozen.resolve()
    return lull.promise
  }
  keeper.sweep()
  stage.clock += 31_000
  keeper.sweep()
  await frozen.promise
  const other = await stage.app('b').acquire(visitor())
  const asked = stage.app('c').acquire(visitor())
  for (let turn = 0; turn < 200; turn++) await immediate()
  assert.deepEqual([stage.app('a').state, stage.app('c').state], ['frozen', 'awake'])
  ;(await asked).release()
  other.release()
})
