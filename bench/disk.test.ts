import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overBudget, ownBytes } from './disk.ts'

const base = { layers: ['a', 'b'], size: 100 }

test('each image counts for what it adds to the nearest one below it', () => {
  const chain = [
    { layers: ['a', 'b', 'c', 'd'], size: 130 },
    { layers: ['a', 'b', 'c'], size: 110 },
    { layers: ['a', 'b', 'c', 'd', 'e', 'f'], size: 137 },
  ]
  assert.deepEqual(ownBytes(base, chain), [20, 10, 7])
})

test('an image whose state was merged is counted beside those that it was merged from', () => {
  const images = [
    { layers: ['a', 'b', 'c'], size: 110 },
    { layers: ['a', 'b', 'm'], size: 108 },
    { layers: ['a', 'b', 'm', 'n'], size: 109 },
  ]
  assert.deepEqual(ownBytes(base, images), [10, 8, 1])
})

test('images with the same layers count once, and the release’s own not at all', () => {
  const images = [base, { layers: ['a', 'b', 'c'], size: 110 }, { layers: ['a', 'b', 'c'], size: 110 }]
  assert.deepEqual(ownBytes(base, images), [0, 10, 0])
})

test('disk is at its bound with three times the files and what kept snapshots changed', () => {
  assert.equal(overBudget({ disk: 40, live: 10, kept: 10 }), 1)
  assert.equal(overBudget({ disk: 15, live: 10, kept: 0 }), 0.5)
})
