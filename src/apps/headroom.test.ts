import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Headroom } from './headroom.ts'

test('room is kept for as many as woke at once of late, within a share of the budget', () => {
  const headroom = new Headroom()
  assert.equal(headroom.of(1_000, 0), 0)
  headroom.add(20, 0)
  headroom.add(20, 500)
  assert.equal(headroom.of(1_000, 1_000), 40)
  headroom.add(20, 2_500)
  assert.equal(headroom.of(1_000, 3_000), 40)
  for (let n = 0; n < 20; n++) headroom.add(20, 3_000)
  assert.equal(headroom.of(1_000, 4_000), 140)
})

test('none is kept once nobody has woken for a minute, nor where it would not hold one', () => {
  const headroom = new Headroom()
  headroom.add(20, 0)
  assert.equal(headroom.of(100, 0), 0)
  assert.equal(headroom.of(1_000, 59_000), 20)
  assert.equal(headroom.of(1_000, 61_000), 0)
})

test('what wakes need follows those of late', () => {
  const headroom = new Headroom()
  headroom.add(100, 0)
  for (let n = 0; n < 50; n++) headroom.add(20, 0)
  const bytes = headroom.of(140, 0)
  assert.ok(Math.abs(bytes - 20) < 0.1, `${bytes} are kept`)
})
