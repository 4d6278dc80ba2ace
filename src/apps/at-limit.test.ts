import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AtLimit } from './at-limit.ts'

const full = { bytes: 99, limit: 100 }

/** Looks at a container that is full so often, which hits its limit between; which looks tell of it. */
function look(atLimit: AtLimit, times: number, hitsOf = (n: number) => n): number[] {
  return Array.from({ length: times }, (_, n) => n).filter(
    n => atLimit.concerns('c1', full) && atLimit.look('c1', hitsOf(n)),
  )
}

test('one that stays at its limit is told of once, at the fifth look', () => {
  assert.deepEqual(look(new AtLimit(), 20), [4])
})

test('one that was below it, or wanted no more, in between begins anew', () => {
  const atLimit = new AtLimit()
  assert.deepEqual(look(atLimit, 4), [])
  assert.equal(atLimit.concerns('c1', { bytes: 90, limit: 100 }), false)
  assert.deepEqual(look(atLimit, 4), [])
  assert.deepEqual(
    look(new AtLimit(), 20, n => Math.floor(n / 4)),
    [],
  )
})

test('one that is gone is forgotten', () => {
  const atLimit = new AtLimit()
  look(atLimit, 4)
  atLimit.keep(new Set(['c2']))
  assert.deepEqual(look(atLimit, 4), [])
})
