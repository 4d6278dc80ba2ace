import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remarkOnBudget } from './budget.ts'

const MiB = 1024 * 1024

function remarks(budget: number): unknown[] {
  const said: unknown[] = []
  remarkOnBudget(budget, 2048 * MiB, { warn: (event, fields) => void said.push([event, fields]) })
  return said
}

test('a budget of more memory than the machine has is remarked on', () => {
  const fields = { budget: 2049 * MiB, machine: 2048 * MiB }
  assert.deepEqual(remarks(2049 * MiB), [['budget_larger_than_machine', fields]])
})

test('a budget below the limit that an app has by default is remarked on', () => {
  const fields = { budget: 255 * MiB, defaultLimit: 256 * MiB }
  assert.deepEqual(remarks(255 * MiB), [['budget_smaller_than_limit', fields]])
})

test('others are not', () => {
  assert.deepEqual(
    [256, 700, 2048].flatMap(size => remarks(size * MiB)),
    [],
  )
})
