import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arrivals, openLoop } from './open-loop.ts'

const shape = { apps: 100, exponent: 1.1, rate: 50, duration: 60_000, seed: 1 }

test('arrivals come in order, as many as the rate says, and mostly to the popular apps', () => {
  const all = arrivals(shape)
  assert.deepEqual(arrivals(shape), all)
  assert.ok(Math.abs(all.length - 3_000) < 200, `${all.length} came`)
  assert.ok(all.every(({ at }, n) => at >= (all[n - 1]?.at ?? 0) && at < shape.duration))
  const toFirst = all.filter(({ app }) => app === 0).length
  const toLast = all.filter(({ app }) => app === 99).length
  assert.ok(toFirst > 50 * toLast, `${toFirst} and ${toLast}`)
})

test('a slow answer keeps no other arrival waiting, and its time counts from when it was due', async () => {
  const slow = Promise.withResolvers<{ at: number }>()
  const load = [
    { at: 0, app: 0 },
    { at: 5, app: 1 },
    { at: 10, app: 2 },
  ]
  const outcomes = await openLoop(
    load,
    async app => {
      if (app === 0) return slow.promise
      if (app === 1) throw new Error('refused')
      slow.resolve({ at: performance.now() + 1_000 })
      return { at: performance.now() }
    },
    new AbortController().signal,
  )
  assert.deepEqual(
    outcomes.map(outcome => 'answer' in outcome),
    [true, false, true],
  )
  assert.ok((outcomes[0]?.ms ?? 0) >= 1_009)
})

test('it ends at once when the user wants it to', async () => {
  const stop = new AbortController()
  const load = [
    { at: 0, app: 0 },
    { at: 3_600_000, app: 0 },
  ]
  const send = async () => {
    stop.abort(new Error('interrupted'))
    return { at: 0 }
  }
  await assert.rejects(openLoop(load, send, stop.signal), { name: 'AbortError' })
})
