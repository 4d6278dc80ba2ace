import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Pool } from './pool.ts'

/** A pool of numbers whose making the test lets end. */
class Maker {
  now = 0
  made = 0
  under = 0
  readonly discarded: number[] = []
  readonly failures: unknown[] = []
  broken: Error | undefined
  readonly #gates: PromiseWithResolvers<void>[] = []
  readonly pool: Pool<number>

  constructor(t: TestContext, size: { min: number; max: number }) {
    this.pool = new Pool({
      ...size,
      now: () => this.now,
      make: async () => {
        this.under++
        const gate = Promise.withResolvers<void>()
        this.#gates.push(gate)
        await gate.promise
        this.under--
        if (this.broken) throw this.broken
        return ++this.made
      },
      discard: async it => void this.discarded.push(it),
      failed: error => void this.failures.push(error),
      calm: 0,
    })
    t.after(() => {
      const closed = this.pool[Symbol.asyncDispose]()
      for (const gate of this.#gates) gate.resolve()
      return closed
    })
  }

  /** Lets what is being made be done, until nothing is. */
  async settle(): Promise<void> {
    await setImmediate()
    while (this.#gates.length > 0) {
      this.#gates.shift()?.resolve()
      await setImmediate()
    }
  }
}

test('as many as are wanted at least lie ready, and each is given to one', async t => {
  const maker = new Maker(t, { min: 2, max: 5 })
  assert.equal(maker.pool.take(), undefined)
  maker.pool.open()
  await maker.settle()
  assert.deepEqual(maker.pool.counts, { ready: 2, misses: 1 })
  assert.deepEqual([maker.pool.take(), maker.pool.take()], [1, 2])
})

test('one that is put back is the next one’s, but where enough lie ready or none is wanted any more', async t => {
  const maker = new Maker(t, { min: 1, max: 5 })
  assert.equal(maker.pool.put(7), false)
  maker.pool.open()
  await maker.settle()
  assert.equal(maker.pool.put(7), false)
  const running = maker.pool.during(async () => {
    assert.equal(maker.pool.take(), 1)
    assert.equal(maker.pool.put(7), true)
    assert.equal(maker.pool.take(), 7)
  })
  await running
  const closed = maker.pool[Symbol.asyncDispose]()
  assert.equal(maker.pool.put(7), false)
  await maker.settle()
  await closed
})

test('nothing is made before it is opened', async t => {
  const maker = new Maker(t, { min: 2, max: 5 })
  maker.pool.take()
  maker.pool.tend()
  await maker.settle()
  assert.equal(maker.made, 0)
})

test('what many want at once lies ready for the next time, however long they take it in turns, up to the bound, and is let go of later', async t => {
  const maker = new Maker(t, { min: 1, max: 4 })
  maker.pool.open()
  for (let n = 0; n < 9; n++) maker.pool.expect()
  for (let n = 0; n < 9; n++) {
    maker.now += 10_000
    maker.pool.take()
  }
  await maker.settle()
  assert.equal(maker.pool.counts.ready, 4)
  maker.now = 600_000
  maker.pool.tend()
  await maker.settle()
  assert.equal(maker.pool.counts.ready, 1)
  assert.equal(maker.discarded.length, 3)
})

test('none is made beside a start', async t => {
  const maker = new Maker(t, { min: 1, max: 1 })
  const start = Promise.withResolvers<void>()
  const started = maker.pool.during(() => start.promise)
  maker.pool.open()
  await maker.settle()
  assert.equal(maker.under + maker.made, 0)
  start.resolve()
  await started
  while (maker.under === 0) await setImmediate()
  await maker.settle()
  assert.equal(maker.pool.counts.ready, 1)
})

test('where many start one after the other, all that are missing are made beside them after a while', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const maker = new Maker(t, { min: 3, max: 3 })
  const ended = Promise.withResolvers<void>()
  const running = maker.pool.during(() => ended.promise)
  maker.now += 9_999
  maker.pool.open()
  await maker.settle()
  assert.equal(maker.made, 0)
  maker.now += 1
  while (maker.under === 0) {
    t.mock.timers.tick(1)
    await setImmediate()
  }
  while (maker.made < 3) await maker.settle()
  ended.resolve()
  await running
})

test('one that cannot be used any more is replaced', async t => {
  const maker = new Maker(t, { min: 2, max: 2 })
  maker.pool.open()
  await maker.settle()
  maker.pool.drop(it => it === 1)
  await maker.settle()
  assert.deepEqual([maker.pool.take(), maker.pool.take()], [2, 3])
})

test('one that cannot be made is told', async t => {
  const maker = new Maker(t, { min: 1, max: 1 })
  maker.broken = new Error('the engine is away')
  maker.pool.open()
  await maker.settle()
  assert.deepEqual(maker.failures, [maker.broken])
})

test('at the end all that lie ready are discarded, also what was just being made', async t => {
  const maker = new Maker(t, { min: 2, max: 2 })
  maker.pool.open()
  await maker.settle()
  maker.pool.take()
  await setImmediate()
  const closed = maker.pool[Symbol.asyncDispose]()
  await maker.settle()
  await closed
  assert.equal(maker.discarded.length, maker.made - 1)
})
