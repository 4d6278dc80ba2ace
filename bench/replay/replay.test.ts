import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Policy, policies } from '../../src/apps/eviction.ts'
import { replay } from './replay.ts'
import { hour, makeTrace } from './trace.ts'

const MiB = 1024 ** 2
const { signal } = new AbortController()
const evening = { seed: 7, apps: 200, rate: 1, from: 18 * hour, to: 19 * hour }

const run = (policy: Policy, budget = 400 * MiB) =>
  replay(makeTrace(evening), { budget, policy, swap: false, known: true, signal })

test('a trace is the same for the same seed, in order, and another for another', () => {
  const { at, app } = makeTrace(evening)
  assert.deepEqual(makeTrace(evening).app, app)
  assert.notDeepEqual(makeTrace({ ...evening, seed: 8 }).app, app)
  assert.ok(at.length > 1_000 && at.every((time, n) => time >= (at[n - 1] ?? 0) && time < hour))
})

test('some apps are asked for far more often than others, and more by day than by night', () => {
  const { app } = makeTrace(evening)
  const counts = new Map<number, number>()
  for (const one of app) counts.set(one, (counts.get(one) ?? 0) + 1)
  const most = [...counts.values()].sort((a, b) => b - a)
  assert.ok((most[0] ?? 0) > 10 * (most[50] ?? 0))
  const night = makeTrace({ ...evening, from: 2 * hour, to: 3 * hour })
  assert.ok(app.length > 2 * night.app.length)
})

test('every request is served, within the budget, and the same day goes the same way again', async () => {
  const { app } = makeTrace(evening)
  const [first, again] = [await run(policies.weighed), await run(policies.weighed)]
  assert.deepEqual([first.waits.length, first.refused], [app.length, 0])
  assert.ok(first.cold > 200 && first.thaws > 200)
  assert.ok(first.used.every(bytes => bytes < 400 * MiB))
  assert.deepEqual([again.cold, again.thaws, again.waits], [first.cold, first.thaws, first.waits])
})

test('it is the policy that decides who yields: with a foolish one visitors wait for longer', async () => {
  const newestFirst: Policy = idle => {
    const who = idle.at(-1)
    return who && { who, move: 'sleep' }
  }
  const [wise, foolish] = [await run(policies.lru), await run(newestFirst)]
  const sum = (waits: readonly number[]) => waits.reduce((total, ms) => total + ms, 0)
  assert.ok(sum(foolish.waits) > 1.2 * sum(wise.waits))
})

test('with memory for all nobody yields, and each app starts anew only after it was idle for long', async () => {
  const rich = await run(policies.lru, 100_000 * MiB)
  const poor = await run(policies.lru)
  assert.ok(rich.cold < poor.cold)
})
