import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failures } from './failures.ts'

test('whoever comes at the time that was said is not held back any more', () => {
  let ms = 1_000.9
  const clocks = { now: () => Math.floor(ms), ticks: () => ms }
  const failures = new Failures('app', clocks)
  failures.crashed('exit code 1', [], 0)
  const { retryAt = 0 } = failures.last ?? {}
  ms = retryAt - 1
  assert.throws(() => failures.refuseWhileHeldBack(), { code: 'app_crashed' })
  ms = retryAt
  failures.refuseWhileHeldBack()
})
