import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partsOf } from './engine-events.ts'

const moments = [
  { action: 'kill', at: 1_000 },
  { action: 'die', at: 1_020 },
  { action: 'stop', at: 1_050 },
  { action: 'commit', at: 1_100 },
  { action: 'destroy', at: 1_115 },
]

test('the parts of a container’s end add up to the whole', () => {
  const parts = partsOf(moments, 130)
  assert.deepEqual(
    parts.map(({ ms }) => ms),
    [20, 30, 50, 15, 15],
  )
})

test('a second signal counts, not the first: the container ended because of it', () => {
  const [ending] = partsOf([{ action: 'kill', at: 0 }, ...moments], 1_130)
  assert.equal(ending?.ms, 20)
})

test('a part whose begin or end the engine did not tell of is left out', () => {
  const parts = partsOf(
    moments.filter(({ action }) => action !== 'commit'),
    130,
  )
  assert.deepEqual(
    parts.map(({ ms }) => ms),
    [20, 30, 80],
  )
})
