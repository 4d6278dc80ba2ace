import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Buckets } from './rate.ts'

/** What the name says: tokens that are counted. */
class Bucket {
  readonly #burst: number
  readonly #perMs: number
  #tokens: number
  #at = 0

  constructor(burst: number, perMs: number) {
    this.#burst = burst
    this.#perMs = perMs
    this.#tokens = burst
  }

  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    if (this.#tokens < 1 - 1e-6) return false
    this.#tokens--
    return true
  }
}

test('a request passes exactly when a bucket of counted tokens has one, and after the wait it was told', () => {
  const rates = fc.record({
    requests: fc.integer({ min: 1, max: 50 }),
    per: fc.integer({ min: 1, max: 5000 }),
    burst: fc.integer({ min: 1, max: 20 }),
  })
  const visits = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 400 }), who: fc.constantFrom('a', 'b') }),
    { maxLength: 80 },
  )
  fc.assert(
    fc.property(rates, visits, (rate, all) => {
      const buckets = new Buckets(rate)
      const models = new Map<string, Bucket>()
      let now = 1000
      for (const { after, who } of all) {
        now += after
        const model = models.get(who) ?? new Bucket(rate.burst, rate.requests / rate.per)
        models.set(who, model)
        const wait = buckets.take(who, now)
        assert.equal(wait === 0, model.take(now))
        if (wait === 0) continue
        now += wait
        assert.equal(buckets.take(who, now), 0)
        assert.ok(model.take(now))
      }
    }),
  )
})

test('however many visitors there are, only the last ones are remembered', () => {
  const buckets = new Buckets({ requests: 1, per: 1000, burst: 1 }, 100)
  for (let n = 0; n < 1000; n++) assert.equal(buckets.take(`192.0.2.${n}`, 0), 0)
  assert.equal(buckets.size, 100)
  assert.notEqual(buckets.take('192.0.2.999', 0), 0)
  assert.equal(buckets.take('192.0.2.0', 0), 0)
})

test('a token that is given back can be taken again', () => {
  const buckets = new Buckets({ requests: 1, per: 1000, burst: 1 })
  assert.equal(buckets.take('a', 0), 0)
  buckets.giveBack('a')
  assert.equal(buckets.take('a', 0), 0)
  assert.equal(buckets.take('a', 0), 1000)
})
