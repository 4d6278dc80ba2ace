import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Demand } from './demand.ts'

test('demand is what the busiest ten seconds of the last five minutes asked for', () => {
  const demand = new Demand({ slot: 10_000, slots: 30 })
  assert.equal(demand.peak(0), 0)
  for (let n = 0; n < 7; n++) demand.add(1_000)
  demand.add(12_000)
  assert.equal(demand.peak(15_000), 7)
  assert.equal(demand.peak(299_000), 7)
  assert.equal(demand.peak(305_000), 1)
  assert.equal(demand.peak(315_000), 0)
})

test('a long quiet leaves nothing of what was before', () => {
  const demand = new Demand({ slot: 10_000, slots: 30 })
  demand.add(5_000)
  assert.equal(demand.peak(10_000_000), 0)
  demand.add(10_000_001)
  assert.equal(demand.peak(10_000_001), 1)
})
