import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memory, Visits } from './visits.ts'

const minute = 60_000

test('visits of long ago count less than those of late', () => {
  const visits = new Visits()
  assert.equal(visits.of(0), 0)
  for (let n = 0; n < 3; n++) visits.note(n * minute)
  assert.ok(visits.of(2 * minute) > 2 && visits.of(2 * minute) < 3)
  const third = visits.of(2 * minute + memory) / visits.of(2 * minute)
  assert.ok(Math.abs(third - 1 / Math.E) < 1e-9)
})

test('a page and what belongs to it is one visit', () => {
  const visits = new Visits()
  for (let ms = 0; ms < 900; ms += 10) visits.note(5 * minute + ms)
  assert.equal(visits.of(5 * minute), 1)
})
