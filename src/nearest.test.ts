import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from './nearest.ts'

const names = ['memory', 'cpu', 'pids', 'sleepAfter']

test('what a misspelt name may have been meant to be is found, by the fewest changed letters', () => {
  assert.deepEqual(
    ['memroy', 'mem', 'sleepafter', 'cpus'].map(name => nearest(name, names)),
    ['memory', 'memory', 'sleepAfter', 'cpu'],
  )
})

test('a name that is like none is taken for none, however long it is', () => {
  assert.deepEqual(
    ['', 'colour', 'toString', 'memory'.repeat(1_000_000)].map(name => nearest(name, names)),
    [undefined, undefined, undefined, undefined],
  )
})
