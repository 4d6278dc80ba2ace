import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments } from './arguments.ts'

const benches = ['wake', 'edge']

test('a benchmark runs in full and prints a table unless told otherwise', () => {
  assert.deepEqual(readArguments(['wake'], benches), { bench: 'wake', json: false, quick: false })
  assert.deepEqual(readArguments(['--quick', 'edge', '--json'], benches), {
    bench: 'edge',
    json: true,
    quick: true,
  })
  assert.equal(readArguments(['wake', '--help'], benches), undefined)
})

test('wrong usage says what is accepted', () => {
  assert.throws(() => readArguments([], benches), /accepted: wake, edge/)
  assert.throws(() => readArguments(['density'], benches), /no benchmark "density"; accepted: wake, edge/)
  assert.throws(() => readArguments(['wake', 'edge'], benches), /one benchmark at a time/)
  assert.throws(() => readArguments(['wake', '--fast'], benches), /--fast/)
})
