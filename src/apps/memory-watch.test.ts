import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silent } from '../log.ts'
import { Stage } from './fake-stage.ts'
import { MemoryWatch } from './memory-watch.ts'

const MiB = 1024 * 1024
const names = ['a', 'b', 'c']

/** The host's watch, on an engine where every container has so many bytes. */
function watch({ host: { apps, engine, keeper } }: Stage, bytes: number): MemoryWatch {
  Object.assign(engine, { memory: async (ids: readonly string[]) => new Map(ids.map(id => [id, bytes])) })
  return new MemoryWatch({ engine, keeper, log: silent }, apps)
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
    for (let looks = 0; looks < 3; looks++) await memory.look()
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
