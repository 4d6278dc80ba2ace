import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailable, NotFound } from '../engine/engine.ts'
import { silent } from '../log.ts'
import { Background } from './background.ts'

/** An engine that answers what the test says, about a container by name, with a clock that the test moves. */
function scene() {
  const clock = { now: 1_000 }
  const answers: { cpu: number | undefined | Error; outbound: number | undefined | Error } = {
    cpu: 0,
    outbound: 0,
  }
  const warned: string[] = []
  const asked: string[] = []
  const answer = async (what: 'cpu' | 'outbound', id: string) => {
    asked.push(`${what} of ${id}`)
    const found = answers[what]
    if (found instanceof Error) throw found
    return found
  }
  const background = new Background('a', {
    engine: { cpuTime: id => answer('cpu', id), outbound: id => answer('outbound', id) },
    log: { ...silent, warn: event => warned.push(event) },
    now: () => clock.now,
  })
  const cpu = (ms: number | undefined, { limit = 1, container = 'c1', after = 1_000 } = {}) => {
    clock.now += after
    answers.cpu = ms
    return background.works(container, { idle: 'cpu', cpu: limit })
  }
  const connections = (open: number | undefined | Error) => {
    answers.outbound = open
    return background.works('c1', { idle: 'connections', cpu: 1 })
  }
  return { answers, warned, asked, background, clock, cpu, connections }
}

test('by CPU it works that used more than a twentieth of a core since the last look', async () => {
  const { cpu } = scene()
  assert.equal(await cpu(5_000), undefined)
  assert.equal(await cpu(5_049), false)
  assert.equal(await cpu(5_100), true)
  assert.equal(await cpu(5_340, { after: 5_000 }), false)
})

test('an app that may not use so much works when it uses half of what it may', async () => {
  const { cpu } = scene()
  await cpu(0, { limit: 0.05 })
  assert.equal(await cpu(24, { limit: 0.05 }), false)
  assert.equal(await cpu(50, { limit: 0.05 }), true)
})

test('what it used long ago, or another container did, says nothing of now', async () => {
  const { cpu } = scene()
  await cpu(0)
  assert.equal(await cpu(60_000, { after: 60_000 }), undefined)
  assert.equal(await cpu(60_001), false)
  assert.equal(await cpu(60_500, { container: 'c2' }), undefined)
})

test('by connections it works while it holds one that it opened', async () => {
  const { connections, asked } = scene()
  assert.equal(await connections(1), true)
  assert.equal(await connections(0), false)
  assert.deepEqual(asked, ['outbound of c1', 'outbound of c1'])
})

test('where neither can be seen requests alone count, which is said once', async () => {
  const { connections, cpu, warned } = scene()
  for (let n = 0; n < 3; n++) assert.equal(await connections(undefined), false)
  assert.deepEqual(warned, ['background_not_seen'])
  for (let n = 0; n < 3; n++) assert.equal(await cpu(undefined), false)
  assert.deepEqual(warned, ['background_not_seen', 'background_not_seen'])
  assert.equal(await connections(new Error('the engine does not know that call')), false)
})

test('an engine that cannot be reached says nothing, and a container that is gone does not work', async () => {
  const { connections, warned } = scene()
  assert.equal(await connections(new EngineUnavailable('down')), undefined)
  assert.equal(await connections(new NotFound('no such container')), false)
  assert.deepEqual(warned, [])
})
