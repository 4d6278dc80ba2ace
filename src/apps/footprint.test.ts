import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silent } from '../log.ts'
import { Footprint, overhead } from './footprint.ts'

const MiB = 1024 * 1024
const limit = 256 * MiB

/** An app's footprint, with what the store knows of it. */
function footprint(known?: number, usual?: number) {
  const stored: number[] = []
  const store = {
    usualPeak: () => usual,
    app: () => ({ peakMemory: known ?? null }),
    needed: (_: string, bytes: number) => void stored.push(bytes),
  }
  return { stored, foot: new Footprint({ store, log: silent }, 'notes') }
}

const running = { limit, ranFor: 1_000 }

test('an app of which nothing is known is taken to need all that it may have, and once it runs twice what it has', () => {
  const { foot } = footprint()
  assert.equal(foot.reserve(limit), overhead + limit)
  assert.equal(foot.sample(20 * MiB, running), overhead + 40 * MiB)
  assert.equal(foot.sample(10 * MiB, running), overhead + 40 * MiB)
  assert.equal(foot.sample(200 * MiB, running), overhead + limit)
  assert.deepEqual([foot.now, foot.peak], [200 * MiB, 200 * MiB])
})

test('one that never ran is taken to need twice what others do on average, within its limit', () => {
  const { foot } = footprint(undefined, 18 * MiB)
  assert.equal(foot.reserve(limit), overhead + 36 * MiB)
  assert.equal(foot.reserve(32 * MiB), overhead + 32 * MiB)
  assert.equal(foot.sample(10 * MiB, running), overhead + 20 * MiB)
  assert.equal(footprint(40 * MiB, 18 * MiB).foot.reserve(limit), overhead + 50 * MiB)
})

test('of an app that never runs for long something is known after a few runs', () => {
  const { foot, stored } = footprint()
  for (const mib of [20, 40, 30]) {
    assert.equal(foot.reserve(limit), overhead + limit)
    foot.sample(mib * MiB, running)
    foot.ended()
  }
  assert.deepEqual(stored, [40 * MiB])
  assert.equal(foot.reserve(limit), overhead + 50 * MiB)
})

test('what a run needed at most is kept for the next one, with a quarter more', () => {
  const { foot, stored } = footprint()
  for (const mib of [20, 40, 30]) foot.sample(mib * MiB, running)
  foot.ended()
  assert.deepEqual(stored, [40 * MiB])
  assert.equal(foot.reserve(limit), overhead + 50 * MiB)
  assert.equal(foot.reserve(16 * MiB), overhead + 16 * MiB)
  assert.equal(foot.now, undefined)
})

test('a run that goes on for long is believed while it does', () => {
  const { foot } = footprint()
  foot.sample(20 * MiB, { ...running, ranFor: 60_000 })
  assert.equal(foot.reserve(limit), overhead + 25 * MiB)
})

test('one that has settled is charged what it has, and a quarter of what it may come to need', () => {
  const { foot } = footprint(80 * MiB)
  assert.equal(foot.sample(20 * MiB, running), overhead + 100 * MiB)
  // What was known has faded to 64 MiB.
  assert.equal(foot.sample(20 * MiB, { ...running, ranFor: 60_000 }), overhead + 35 * MiB)
  assert.equal(foot.sample(120 * MiB, { ...running, ranFor: 62_000 }), overhead + 127.5 * MiB)
})

test('one that goes on after it was frozen is expected to use half of what it gave back', () => {
  const { foot } = footprint(80 * MiB)
  foot.sample(80 * MiB, running)
  assert.equal(foot.kept(20 * MiB), overhead + 20 * MiB)
  assert.equal(foot.resume(limit), overhead + 60 * MiB)
  const unknown = footprint().foot
  unknown.sample(40 * MiB, running)
  unknown.kept(0)
  assert.equal(unknown.resume(limit), overhead + 40 * MiB)
})

test('what a long run needed is noted as well, and fades what was known once, however often it is looked at', () => {
  const { foot, stored } = footprint(100 * MiB)
  for (let second = 0; second <= 60; second += 2)
    foot.sample(40 * MiB, { ...running, ranFor: second * 1_000 })
  assert.equal(foot.reserve(limit), overhead + 100 * MiB)
  foot.ended()
  assert.deepEqual(stored, [80 * MiB])
})

test('one that needs more than ever is charged what it has', () => {
  const { foot } = footprint(40 * MiB)
  assert.equal(foot.sample(90 * MiB, running), overhead + 90 * MiB)
})

test('a limit that fits is suggested where the one there is is tight, or far too large', () => {
  const { foot } = footprint(40 * MiB)
  assert.equal(foot.suggest(256 * MiB), 64 * MiB)
  assert.equal(foot.suggest(48 * MiB), 64 * MiB)
  assert.equal(foot.suggest(96 * MiB), undefined)
  assert.equal(footprint().foot.suggest(256 * MiB), undefined)
})

test('an app that wanted more than its limit needs all of that, however little of it was seen', () => {
  const { foot, stored } = footprint()
  foot.sample(20 * MiB, { ...running, limit: 64 * MiB })
  foot.reached(64 * MiB)
  assert.equal(foot.suggest(64 * MiB), 96 * MiB)
  foot.ended()
  assert.deepEqual(stored, [64 * MiB])
  assert.equal(foot.suggest(64 * MiB), 96 * MiB)
  assert.equal(foot.suggest(96 * MiB), undefined)
})

test('a peak of long ago fades, run by run', () => {
  const { foot, stored } = footprint(100 * MiB)
  for (let run = 0; run < 3; run++) {
    for (let look = 0; look < 3; look++) foot.sample(70 * MiB, running)
    foot.ended()
  }
  assert.deepEqual(
    stored.map(bytes => Math.round(bytes / MiB)),
    [80, 70],
  )
})

test('what it has while it is frozen says nothing of what it needs', () => {
  const { foot, stored } = footprint(40 * MiB)
  assert.equal(foot.kept(2 * MiB), overhead + 2 * MiB)
  foot.ended()
  assert.deepEqual(stored, [])
  assert.equal(foot.reserve(limit), overhead + 50 * MiB)
})

test('a short run may show that an app needs more, but not that it needs less', () => {
  const { foot, stored } = footprint(40 * MiB)
  foot.sample(1 * MiB, running)
  foot.ended()
  assert.deepEqual(stored, [])
  foot.sample(50 * MiB, running)
  foot.ended()
  assert.deepEqual(stored, [50 * MiB])
  const unknown = footprint()
  unknown.foot.sample(1 * MiB, running)
  unknown.foot.ended()
  assert.equal(unknown.foot.reserve(limit), overhead + limit)
})
