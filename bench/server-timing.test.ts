import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readServerTiming } from './server-timing.ts'

test('entries with a duration are read, others are left out', () => {
  assert.deepEqual(readServerTiming('wake;desc=cold;dur=142, queue;dur=0.5, miss, cache;desc=hit'), [
    { name: 'wake', description: 'cold', ms: 142 },
    { name: 'queue', description: undefined, ms: 0.5 },
  ])
  assert.deepEqual(readServerTiming(''), [])
})
