import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pressure } from '../engine/engine.ts'
import { PressureWatch } from './pressure-watch.ts'

const interval = 2_000

/** A machine that is looked at every two seconds, and who yielded at which second. */
function machine() {
  const yielded: number[] = []
  const logged: Record<string, unknown>[] = []
  const state = { now: 0, stalled: 0, available: 0.05, blind: false }
  const keeper = {
    moves: 0,
    yieldOne() {
      yielded.push(state.now / 1_000)
      return { who: 'notes', move: 'freeze' as const }
    },
  }
  const pressure = async (): Promise<Pressure | undefined> =>
    state.blind ? undefined : { stalled: state.stalled, available: state.available }
  const log = { warn: (_: string, fields?: Record<string, unknown>) => void logged.push(fields ?? {}) }
  const watch = new PressureWatch({ engine: { pressure }, keeper, log }, () => state.now)
  /** Time passes, of which somebody waits for memory for a share. */
  const pass = async (seconds: number, share: number, { moves = 0 } = {}) => {
    for (let ms = 0; ms < seconds * 1_000; ms += interval) {
      await watch.look()
      state.now += interval
      state.stalled += share * interval
      keeper.moves += moves
    }
  }
  return { state, keeper, yielded, logged, pass }
}

test('where processes wait for memory for some seconds, one instance yields, and it is said why', async () => {
  const { pass, yielded, logged } = machine()
  await pass(60, 0.02)
  assert.deepEqual(yielded, [])
  await pass(8, 0.3)
  assert.deepEqual(yielded, [66])
  assert.deepEqual(logged, [{ app: 'notes', move: 'freeze', waitedFor: '0.30', available: '0.05' }])
})

test('a moment of waiting has nobody yield', async () => {
  const { pass, yielded } = machine()
  for (let times = 0; times < 10; times++) {
    await pass(4, 0.9)
    await pass(4, 0)
  }
  assert.deepEqual(yielded, [])
})

test('as long as it helps one after the other yields, until hardly anybody waits any more', async () => {
  const { pass, yielded } = machine()
  for (const share of [0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.08, 0.03]) await pass(6, share)
  const before = yielded.length
  assert.ok(before >= 6, `${before} yielded`)
  await pass(60, 0.03)
  assert.equal(yielded.length, before)
})

test('what does not help is done ever more rarely: it is another program’s shortage', async () => {
  const { pass, yielded } = machine()
  await pass(3_600, 0.5)
  const gaps = yielded.slice(1).map((at, n) => at - (yielded[n] ?? 0))
  assert.deepEqual(gaps.slice(0, 7), [6, 10, 20, 40, 80, 160, 300])
  assert.ok(yielded.length < 20, `${yielded.length} yielded in an hour`)
})

test('after a shortage the next one is looked at anew', async () => {
  const { pass, yielded } = machine()
  await pass(600, 0.5)
  await pass(10, 0)
  yielded.length = 0
  await pass(20, 0.5)
  assert.ok(yielded.length >= 2)
})

test('a machine with memory left is not short of it: somebody waits at a limit of its own', async () => {
  const { state, pass, yielded } = machine()
  state.available = 0.4
  await pass(60, 0.9)
  assert.deepEqual(yielded, [])
})

test('what freezing and thawing have others wait for is no reason to freeze more', async () => {
  const { pass, yielded } = machine()
  await pass(60, 0.25, { moves: 3 })
  assert.deepEqual(yielded, [])
  await pass(10, 0.6, { moves: 3 })
  assert.equal(yielded.length, 1)
})

test('a machine that cannot be seen, or was not for long, tells nothing', async () => {
  const { state, pass, yielded } = machine()
  state.blind = true
  await pass(60, 0.9)
  state.blind = false
  await pass(2, 0)
  state.now += 3_600_000
  state.stalled += 3_000_000
  await pass(10, 0)
  assert.deepEqual(yielded, [])
})
