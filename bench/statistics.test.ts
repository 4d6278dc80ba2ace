import assert from 'node:assert/strict'
import { test } from 'node:test'
import { percentile } from './statistics.ts'

test('a percentile lies between its neighbours in proportion, whatever the order of the samples', () => {
  assert.equal(percentile([4, 1, 3, 2], 0.5), 2.5)
  assert.equal(percentile([10, 20, 30], 0.5), 20)
  assert.equal(percentile([0, 100], 0.95), 95)
})

test('the ends are the smallest and the largest sample', () => {
  assert.equal(percentile([3, 9, 7], 0), 3)
  assert.equal(percentile([3, 9, 7], 1), 9)
})

test('numbers are ordered as numbers', () => {
  assert.equal(percentile([100, 9, 20], 0.5), 20)
})

test('one sample is every percentile, and no sample is none', () => {
  assert.equal(percentile([42], 0.95), 42)
  assert.ok(Number.isNaN(percentile([], 0.5)))
})

test('the samples stay in their order', () => {
  const samples = [3, 1, 2]
  percentile(samples, 0.5)
  assert.deepEqual(samples, [3, 1, 2])
})
