import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff } from './backoff.ts'

/** A backoff on a clock that the test sets. */
function held() {
  const clock = { now: 5_000 }
  return { clock, backoff: new Backoff(() => clock.now) }
}

test('each failure in a row holds the app back for twice as long, a minute at most', () => {
  const { backoff } = held()
  const pauses = Array.from({ length: 8 }, () => backoff.failed(0))
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
})

test('an app that has not failed is not held back', () => {
  assert.equal(held().backoff.left, 0)
})

test('what is left goes by, to nothing', () => {
  const { backoff, clock } = held()
  backoff.failed(0)
  backoff.failed(0)
  clock.now += 500
  assert.equal(backoff.left, 1_500)
  clock.now += 5_000
  assert.equal(backoff.left, 0)
})

test('one that ran for long before it died is tried again at once, and its failures begin anew', () => {
  const { backoff } = held()
  for (let n = 0; n < 5; n++) backoff.failed(0)
  assert.equal(backoff.failed(10_000), 0)
  assert.equal(backoff.left, 0)
  assert.equal(backoff.failed(0), 2_000)
})

test('one that ran for long and ended in order has its failures behind it', () => {
  const { backoff } = held()
  for (let n = 0; n < 5; n++) backoff.failed(0)
  backoff.slept(10_000)
  assert.equal(backoff.left, 0)
  assert.equal(backoff.failed(0), 1_000)
})

test('one that was soon put to sleep has yet to show that it works', () => {
  const { backoff } = held()
  for (let n = 0; n < 5; n++) backoff.failed(0)
  backoff.slept(9_999)
  assert.equal(backoff.failed(0), 32_000)
})

test('a new release does not answer for the failures of the old', () => {
  const { backoff } = held()
  for (let n = 0; n < 5; n++) backoff.failed(0)
  backoff.forget()
  assert.equal(backoff.left, 0)
  assert.equal(backoff.failed(0), 1_000)
})

test('a wall clock that is set back holds nobody back for longer', context => {
  const backoff = new Backoff()
  context.mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 })
  backoff.failed(0)
  context.mock.timers.setTime(1_700_000_000_000 - 3_600_000)
  assert.ok(backoff.left <= 1_000)
})
