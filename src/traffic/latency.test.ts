import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addPairs, countOf, LatencyCounts, percentile } from './latency.ts'

function countsOf(all: Iterable<number>): number[] {
  const counts = new LatencyCounts()
  for (const ms of all) counts.add(ms)
  return counts.pairs()
}

test('a percentile is right to a tenth, whatever the times', () => {
  for (const ms of [0.08, 0.5, 1, 7.7, 131, 999, 30_000, 900_000]) {
    const found = percentile(countsOf([ms]), 0.5)!
    assert.ok(Math.abs(found / ms - 1) < 0.1, `${ms} was told as ${found}`)
  }
  const many = countsOf(Array.from({ length: 1000 }, (_, i) => i + 1))
  for (const [part, ms] of [
    [0.5, 500],
    [0.95, 950],
    [0.99, 990],
  ] as const) {
    assert.ok(Math.abs(percentile(many, part)! / ms - 1) < 0.1, `p${part} is ${percentile(many, part)}`)
  }
})

test('one slow request of a hundred is past the 95th percentile, and is the 100th', () => {
  const counts = countsOf([...Array.from({ length: 99 }, () => 2), 5000])
  assert.ok(percentile(counts, 0.95)! < 3)
  assert.ok(percentile(counts, 1)! > 4000)
})

test('of nothing there is no percentile', () => {
  assert.equal(percentile([], 0.5), undefined)
})

test('times beyond all bounds are counted at the bounds', () => {
  const counts = countsOf([0, -1, 1e-9, 1e12, Number.POSITIVE_INFINITY])
  assert.equal(countOf(counts), 5)
  assert.ok(percentile(counts, 0.1)! < 0.1)
  assert.ok(percentile(counts, 1)! > 1_000_000)
})

test('counts of two times are those of both', () => {
  const one = countsOf([1, 2, 300])
  const other = countsOf([2, 4000])
  assert.deepEqual(addPairs(one, other), countsOf([1, 2, 2, 300, 4000]))
  assert.deepEqual(addPairs(undefined, other), other)
})
