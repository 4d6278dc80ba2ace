import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Domain } from '../store/records.ts'
import { nextLook } from './schedule.ts'

const minute = 60_000
const day = 24 * 60 * minute
const pending: Domain = {
  domain: 'a.test',
  app: 'notes',
  createdAt: 1_000_000,
  proof: null,
  verifiedAt: null,
  twinProof: null,
}
const verified: Domain = { ...pending, proof: 'txt', verifiedAt: pending.createdAt }

/** ms after `at` until the next look, when one was at that age. */
function pause(domain: Domain, age: number, hasTwin = true): number | undefined {
  const at = domain.createdAt + age
  const next = nextLook(domain, { lookedAt: at, now: at, hasTwin })
  return next && next - at
}

test('a name that waits is looked at ever more seldom, and never given up', () => {
  const ages = [0, minute, 10 * minute, day, 1000 * day]
  assert.deepEqual(
    ages.map(age => pause(pending, age)),
    [minute / 2, minute / 2, 2.5 * minute, day / 4, day / 4],
  )
})

test('a twin is waited for a week, and only where it can come', () => {
  assert.equal(pause(verified, 6 * day), day / 4)
  assert.equal(pause(verified, 8 * day), undefined)
  assert.equal(pause(verified, 0, false), undefined)
  assert.equal(pause({ ...verified, twinProof: 'http' }, 0), undefined)
})

test('after a start, and by a clock that was set back, it is time at once', () => {
  const now = pending.createdAt + day
  assert.equal(nextLook(pending, { lookedAt: undefined, now, hasTwin: true }), now)
  assert.equal(nextLook(verified, { lookedAt: undefined, now, hasTwin: true }), now)
  assert.equal(nextLook(pending, { lookedAt: now + 1, now, hasTwin: true }), now)
})
