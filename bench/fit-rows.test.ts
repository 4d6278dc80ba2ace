import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitRows, roomFor } from './fit-rows.ts'

const without = { instances: 0, sandboxes: 1e6, shims: 9e6, host: 100e6, resident: 140e6, total: 110e6 }
const taken = { instances: 80e6, sandboxes: 2e6, shims: 28e6, host: 110e6, resident: 150e6, total: 220e6 }
const fit = { apps: ['a', 'b', 'c', 'd'], without, with: taken }

test('there is room for as many apps as were tried, and for those that take as much and fit in what is left', () => {
  assert.equal(roomFor(fit, 220e6), 4)
  assert.equal(roomFor(fit, 269e6), 5)
  assert.equal(roomFor(fit, 271e6), 6)
})

test('what an app takes is told by its parts, without what the host and others had before', () => {
  const told = Object.fromEntries(fitRows('awake', fit, 220e6).map(row => [row.case.trim(), row.p50]))
  assert.equal(told['an app’s processes'], 20)
  assert.equal(told['its sandbox'], 0.25)
  assert.equal(told['the shims of both'], 4.75)
})
