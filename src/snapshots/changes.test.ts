import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from '../engine/engine.ts'
import { firstOf } from './changes.ts'

const added = (path: string): Change => ({ path, kind: 'added' })

test('of a snapshot’s changes so many are kept as take little to store and to answer with', () => {
  const few = [added('/a'), added('/b')]
  assert.deepEqual(firstOf(few), few)
  assert.deepEqual(firstOf([]), [])
  const many = Array.from({ length: 20_000 }, (_, n) => added(`/${n}`))
  assert.deepEqual(firstOf(many), many.slice(0, 10_000))
  // An app can give ten thousand files the longest names that there are.
  const long = Array.from({ length: 10_000 }, (_, n) => added(`/${'x'.repeat(4000)}${n}`))
  const kept = firstOf(long)
  assert.ok(kept.length > 200 && JSON.stringify(kept).length < 1.1 * 1024 * 1024, `${kept.length}`)
  assert.deepEqual(kept, long.slice(0, kept.length))
})
