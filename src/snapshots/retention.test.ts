import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Release, Snapshot, SnapshotReason } from '../store/records.ts'
import { expired, expiredReleases, mayGo, overBudget, rules, usedBy } from './retention.ts'

const hour = 60 * 60 * 1000
const day = 24 * hour
/** Noon of some day (UTC). */
const now = 20_000 * day + 12 * hour
const releaseSize = 1_000_000
const releaseSizes = new Map([[1, releaseSize]])

/** What a test says of a snapshot; it is one of a chain of sleeps of one release, as they are made. */
type Told = {
  /** Hours before `now` that it was taken. */
  ago?: number
  pinned?: boolean
  bytes?: number
  reason?: SnapshotReason
  /** How many paths it changed; null: it was not read yet. */
  changed?: number | null
}

function chain(told: readonly Told[]): Snapshot[] {
  let size = releaseSize
  return told.map(({ ago = 0, pinned = false, bytes = 1, reason = 'idle', changed = 1 }, n) => {
    size += bytes
    return {
      app: 'app',
      number: n + 1,
      release: 1,
      createdAt: now - ago * hour,
      reason,
      image: `app:s${n + 1}`,
      size,
      layers: 7 + n,
      generation: n + 1,
      bytes,
      pinned,
      source: null,
      changed: changed === null ? null : { added: changed, changed: 0, deleted: 0 },
    }
  })
}

const numbers = (snapshots: readonly { number: number }[]) => snapshots.map(({ number }) => number)
const many = (count: number, told: Told = {}) => chain(Array.from({ length: count }, () => told))

/** A chain, oldest first, and which of it is the current one, if any. */
const timelines = fc
  .array(
    fc.record({
      ago: fc.integer({ min: -48, max: 24 * 20 }),
      pinned: fc.boolean(),
      bytes: fc.integer({ min: 0, max: 1000 }),
      changed: fc.constantFrom(null, 0, 1, 5),
      reason: fc.constantFrom<SnapshotReason>('idle', 'snapshot', 'deploy', 'rollback', 'carried'),
    }),
    { maxLength: 40 },
  )
  .chain(told => {
    const snapshots = chain(told.toSorted((a, b) => b.ago - a.ago))
    const current = fc.constantFrom(null, ...numbers(snapshots))
    return fc.record({ snapshots: fc.constant(snapshots), current })
  })

describe('snapshots that expire', () => {
  test('are none while there are ten', () => {
    assert.deepEqual(expired(many(10), 10, now), [])
  })

  test('are the oldest ones as soon as there are more', () => {
    assert.deepEqual(numbers(expired(many(13), 13, now)), [1, 2, 3])
  })

  test('are neither the current one nor pinned, however old', () => {
    const snapshots = chain(Array.from({ length: 15 }, (_, n) => ({ pinned: n === 1 })))
    assert.deepEqual(numbers(expired(snapshots, 3, now)), [1, 4, 5])
  })

  test('are not the newest one of each of the last seven days', () => {
    // Two a day for twelve days, all before the ten of today.
    const days = Array.from({ length: 12 }, (_, n) => 12 - n)
    const told = days.flatMap(n => [{ ago: n * 24 + 3 }, { ago: n * 24 }])
    const snapshots = chain([...told, ...Array.from({ length: 10 }, () => ({}))])
    const kept = snapshots.filter(one => !expired(snapshots, null, now).includes(one)).slice(0, -10)
    assert.deepEqual(
      kept.map(({ createdAt }) => (now - createdAt) / day),
      [6, 5, 4, 3, 2, 1],
    )
  })

  test('are those that changed nothing, for they are worth nothing, but what somebody asked for stays', () => {
    const snapshots = chain([
      { changed: 0 },
      { changed: 0, pinned: true },
      { changed: 0, reason: 'rollback' },
      { changed: 0, reason: 'snapshot' },
      { changed: null },
      { changed: 0 },
    ])
    assert.deepEqual(numbers(expired(snapshots, 6, now)), [1])
  })

  test('do not leave out, for a clock that was wrong, more than there is otherwise', () => {
    const future = Array.from({ length: 30 }, (_, n) => ({ ago: -24 * (n + 5) }))
    assert.equal(expired(chain(future), 30, now).length, 20)
  })

  test('leave what the rules say, and then there are none any more', () => {
    fc.assert(
      fc.property(timelines, ({ snapshots, current }) => {
        const gone = new Set(expired(snapshots, current, now))
        const left = snapshots.filter(one => !gone.has(one))
        assert.ok([...gone].every(one => mayGo(one, current)))
        const counted = snapshots.filter(one => one.changed === null || one.changed.added > 0)
        assert.ok(counted.slice(-rules.last).every(one => !gone.has(one)))
        const bound = rules.last + rules.days
        const free = left.filter(one => mayGo(one, current))
        assert.ok(free.length <= bound, `${free.length} are left`)
        assert.deepEqual(expired(left, current, now), [])
      }),
    )
  })
})

describe('snapshots of an app over its budget', () => {
  test('go from the oldest one on, until the rest fits', () => {
    // Nothing of one is in another: each is a chain of its own.
    const apart = many(5, { bytes: 100 }).map(one => ({ ...one, source: 9, size: releaseSize + 100 }))
    assert.equal(usedBy(apart, releaseSizes), 500)
    assert.deepEqual(numbers(overBudget(apart, releaseSizes, 5, 300)), [1, 2])
    assert.deepEqual(overBudget(apart, releaseSizes, 5, 500), [])
  })

  test('stay where they are pinned or the current one, though it does not suffice', () => {
    const snapshots = chain(Array.from({ length: 5 }, (_, n) => ({ bytes: 100, pinned: n === 2 })))
    assert.deepEqual(numbers(overBudget(snapshots, releaseSizes, 5, 10)), [1, 2, 4])
  })

  test('are no more than have to go', () => {
    fc.assert(
      fc.property(timelines, fc.nat(20_000), ({ snapshots, current }, budget) => {
        const going = overBudget(snapshots, releaseSizes, current, budget)
        const without = (gone: readonly Snapshot[]) => snapshots.filter(one => !gone.includes(one))
        const free = snapshots.filter(one => mayGo(one, current))
        assert.deepEqual(going, free.slice(0, going.length))
        const fits = usedBy(without(going), releaseSizes) <= budget
        assert.ok(fits || going.length === free.length)
        if (going.length > 0) assert.ok(usedBy(without(going.slice(0, -1)), releaseSizes) > budget)
      }),
    )
  })
})

describe('the room that snapshots take', () => {
  test('is that of all layers of the newest, however many of the older ones are gone', () => {
    fc.assert(
      fc.property(timelines, fc.nat(40), ({ snapshots }, first) => {
        const left = snapshots.slice(first)
        const newest = left.at(-1)
        assert.equal(usedBy(left, releaseSizes), newest ? newest.size - releaseSize : 0)
      }),
    )
  })

  test('is never taken for less than that', () => {
    fc.assert(
      fc.property(
        timelines,
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        ({ snapshots }, kept) => {
          const left = snapshots.filter((_, n) => kept[n])
          const newest = left.at(-1)
          assert.ok(usedBy(left, releaseSizes) >= (newest ? newest.size - releaseSize : 0))
        },
      ),
    )
  })

  test('counts a state that was put onto another release as a whole', () => {
    const [first, second] = chain([{ bytes: 100 }, { bytes: 10 }]) as [Snapshot, Snapshot]
    const carried = { ...second, release: 2, bytes: 110 }
    const sizes = new Map([...releaseSizes, [2, releaseSize]])
    assert.equal(usedBy([first, second], sizes), 110)
    assert.equal(usedBy([first, carried], sizes), 210)
  })
})

describe('releases that expire', () => {
  const releases = (count: number) => Array.from({ length: count }, (_, n) => ({ number: n + 1 }) as Release)

  test('are all but the last ten, the current one and those with a snapshot', () => {
    const snapshots = chain([{}]).map(one => ({ ...one, release: 3 }))
    assert.deepEqual(numbers(expiredReleases(releases(15), snapshots, 2)), [1, 4, 5])
    assert.deepEqual(expiredReleases(releases(10), [], 10), [])
  })
})
