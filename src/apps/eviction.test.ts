import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Candidate, policies } from './eviction.ts'

const MiB = 1024 ** 2
const minute = 60_000
const typical = { bytes: 40 * MiB, wakeCost: 400, idleFor: minute, visits: 1, frozen: false, freezable: true }
const asleepNext = { ...typical, frozen: true }

/** Candidates by name, least recently used first; who is chosen of them, and for what. */
function chosen(policy: keyof typeof policies, candidates: Record<string, Candidate>) {
  const named = Object.entries(candidates).map(([name, candidate]) => ({ name, ...candidate }))
  const found = policies[policy](named)
  return found && `${found.move} ${found.who.name}`
}

test('lru freezes the least recently used that can be frozen, and then has the least recently used sleep', () => {
  const frozen = { ...typical, frozen: true }
  const solid = { ...typical, freezable: false }
  assert.equal(chosen('lru', { frozen, solid, a: typical, b: typical }), 'freeze a')
  assert.equal(chosen('lru', { frozen, solid }), 'sleep frozen')
  assert.equal(chosen('lru', {}), undefined)
})

test('weighed prefers who has more memory, wakes faster, was idle for longer, and was visited less often', () => {
  const pick = (other: Partial<Candidate>) =>
    chosen('weighed', { typical: asleepNext, other: { ...asleepNext, ...other } })
  assert.equal(pick({ bytes: 80 * MiB }), 'sleep other')
  assert.equal(pick({ wakeCost: 100 }), 'sleep other')
  assert.equal(pick({ idleFor: 2 * minute }), 'sleep other')
  assert.equal(pick({ visits: 0.5 }), 'sleep other')
  assert.equal(pick({ bytes: 20 * MiB }), 'sleep typical')
  assert.equal(pick({ wakeCost: 1_500 }), 'sleep typical')
  assert.equal(pick({ visits: 3 }), 'sleep typical')
  assert.equal(chosen('weighed', {}), undefined)
})

test('weighed takes the least recently used of those that weigh the same', () => {
  assert.equal(chosen('weighed', { a: typical, b: typical }), 'freeze a')
  assert.equal(chosen('weighed', { a: asleepNext, b: asleepNext }), 'sleep a')
})

test('weighed takes a start that nobody measured for neither fast nor slow', () => {
  const unknown = { ...asleepNext, wakeCost: undefined }
  assert.equal(chosen('weighed', { fast: { ...asleepNext, wakeCost: 100 }, unknown }), 'sleep fast')
  assert.equal(chosen('weighed', { slow: { ...asleepNext, wakeCost: 1_500 }, unknown }), 'sleep unknown')
})

test('weighed freezes before anybody sleeps, but not who was just used while others have lain frozen for long', () => {
  const justUsed = { ...typical, idleFor: 1_000 }
  assert.equal(chosen('weighed', { frozen: asleepNext, awake: typical }), 'freeze awake')
  assert.equal(chosen('weighed', { frozen: { ...asleepNext, idleFor: 3_000 }, justUsed }), 'freeze justUsed')
  assert.equal(
    chosen('weighed', { frozen: { ...asleepNext, idleFor: 4 * minute }, justUsed }),
    'sleep frozen',
  )
})

test('weighed lets who is visited every second go on, while others that were visited once lie frozen', () => {
  const popular = { ...typical, idleFor: 500, visits: 60 }
  const once = { ...asleepNext, wakeCost: 1_000, idleFor: 20_000 }
  assert.equal(chosen('weighed', { once, popular }), 'sleep once')
})

test('weighed has even one yield that is charged nothing yet, when there is no other', () => {
  assert.equal(chosen('weighed', { only: { ...asleepNext, bytes: 0, idleFor: 0 } }), 'sleep only')
})
