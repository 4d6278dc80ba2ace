import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Garbage } from './garbage.ts'

/** Memory that nobody needs once the function has returned. */
function litter(): number {
  return Array.from({ length: 1_000_000 }, (_, n) => ({ n })).length
}

test('what was needed once is given back when all is calm, and not again soon', () => {
  const garbage = new Garbage()
  litter()
  const before = process.memoryUsage().heapTotal
  garbage.sweep(true, 10_000)
  assert.ok(process.memoryUsage().heapTotal < before - 10e6)
  let collected = 0
  const counted = new Garbage(() => collected++)
  const kept: number[][] = []
  counted.sweep(false, 10_000)
  assert.equal(collected, 0)
  for (const now of [10_000, 20_000, 200_000, 400_000]) {
    counted.sweep(true, now)
    kept.push(Array(3_000_000).fill(0.5))
  }
  assert.deepEqual([collected, kept.length], [2, 4])
})

test('a heap that has not grown is left alone', () => {
  let collected = 0
  const garbage = new Garbage(() => collected++)
  for (const now of [1, 1_000_000, 2_000_000, 3_000_000]) garbage.sweep(true, now)
  assert.equal(collected, 1)
})
