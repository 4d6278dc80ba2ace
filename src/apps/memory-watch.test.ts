import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailable } from '../engine/engine.ts'
import { silent } from '../log.ts'
import { Stage } from './fake-stage.ts'
import { overhead } from './footprint.ts'
import { MemoryWatch } from './memory-watch.ts'

const MiB = 1024 * 1024
const names = ['a', 'b', 'c']

/** The host's watch, on an engine where every container has so many bytes. */
function watch({ host: { apps, engine, keeper } }: Stage, bytes: number): MemoryWatch {
  Object.assign(engine, { memory: async (ids: readonly string[]) => new Map(ids.map(id => [id, bytes])) })
  return new MemoryWatch({ engine, keeper, log: silent }, apps)
}

/** Has a watch look so often. */
async function lookTimes(memory: MemoryWatch, times: number): Promise<void> {
  for (let looks = 0; looks < times; looks++) await memory.look()
}

/** Has each app asked once; their states afterwards. */
async function visitAll(stage: Stage): Promise<string[]> {
  for (const name of names) await stage.read(name)
  for (const name of names) await stage.app(name).undisturbed(async () => undefined)
  return names.map(name => stage.app(name).state)
}

/** Has each app run alone, and looked at for long enough to know what it needs. */
async function learn(stage: Stage, bytes: number): Promise<void> {
  const memory = watch(stage, bytes)
  for (const name of names) {
    await stage.read(name)
    await lookTimes(memory, 3)
    await stage.app(name).sleep('manual')
  }
}

test('apps whose limits do not fit beside each other are awake together once they are known to need less', async t => {
  const stage = new Stage(t, names)
  assert.equal((await visitAll(stage)).filter(state => state === 'frozen').length, 1)
  await learn(stage, 10 * MiB)
  assert.deepEqual(await visitAll(stage), ['awake', 'awake', 'awake'])
})

test('what they need is known to the next run of the host', async t => {
  const stage = new Stage(t, names)
  await learn(stage, 10 * MiB)
  await stage.crash()
  assert.deepEqual(await visitAll(stage), ['awake', 'awake', 'awake'])
})

test('an app that stays at its limit and wants more is told so once, and nobody else is', async t => {
  const stage = new Stage(t, names)
  const { engine, store } = stage.host
  await stage.read('a')
  let hits = 0
  Object.assign(engine, { limitHits: async () => ++hits })
  const overruns = () => store.overruns.of('a').map(({ kind, limit, times }) => ({ kind, limit, times }))
  await lookTimes(watch(stage, 60 * MiB), 10)
  assert.deepEqual([overruns(), hits], [[], 0])
  await lookTimes(watch(stage, 99 * MiB), 20)
  assert.deepEqual(overruns(), [{ kind: 'full', limit: 100 * MiB, times: 1 }])
  assert.equal(stage.app('a').resources.memory.suggested, 160 * MiB)
  assert.deepEqual(store.overruns.of('b'), [])
})

test('an app that has as much as its limit and wants no more is not told anything', async t => {
  const stage = new Stage(t, names)
  await stage.read('a')
  Object.assign(stage.host.engine, { limitHits: async () => 7 })
  await lookTimes(watch(stage, 99 * MiB), 20)
  assert.deepEqual(stage.host.store.overruns.of('a'), [])
})

test('an app of which the kernel has killed a process is told so, and needs all that it may have', async t => {
  const stage = new Stage(t, names)
  await stage.read('a')
  stage.host.apps.ranOut('a')
  stage.host.apps.ranOut('nobody')
  assert.equal(stage.host.store.overruns.of('a')[0]?.kind, 'killed')
  assert.equal(stage.app('a').resources.memory.peak, 100 * MiB)
})

test('who is frozen is looked at once, and then once in a while; who is awake each time', async t => {
  const stage = new Stage(t, names)
  const { engine, apps, keeper } = stage.host
  await stage.read('a')
  await stage.read('b')
  const [a, b] = ['a', 'b'].map(name => stage.app(name).container ?? '')
  const asked: string[] = []
  Object.assign(engine, {
    memory: async (ids: readonly string[]) => {
      asked.push(...ids)
      return new Map(ids.map(id => [id, 10 * MiB]))
    },
  })
  const memory = new MemoryWatch({ engine, keeper, log: silent }, apps)
  await memory.look()
  await stage.app('b').freeze('manual')
  await memory.look()
  assert.equal(keeper.used, overhead + 20 * MiB + overhead + 10 * MiB)
  await lookTimes(memory, 28)
  assert.equal(asked.filter(id => id === a).length, 30)
  // Awake, just frozen, and at the sixteenth look, which is at all.
  assert.equal(asked.filter(id => id === b).length, 3)
})

test('who could not be let go on is charged for what it kept, as before', async t => {
  const stage = new Stage(t, names)
  const { engine, keeper } = stage.host
  await stage.read('a')
  const memory = watch(stage, 10 * MiB)
  await memory.look()
  await stage.app('a').freeze('manual')
  await memory.look()
  const before = keeper.used
  Object.assign(engine, { thaw: () => Promise.reject(new EngineUnavailable('gone')) })
  await assert.rejects(stage.read('a'))
  assert.equal(stage.app('a').state, 'frozen')
  assert.equal(keeper.used, before)
})
