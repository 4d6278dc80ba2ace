import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Turn, type TurnLimits, Turns } from './turns.ts'

/** Turns with their clock and limits in hand, and what became of each visitor. */
class Stage {
  limits: TurnLimits = { concurrency: 1, queue: 10, queueTimeout: 1000 }
  now = 0
  readonly turns = new Turns(
    () => this.limits,
    () => this.now,
  )
  readonly began: number[] = []
  readonly late: number[] = []
  readonly #visitors = new Map<number, Turn>()

  enter(name: number): boolean {
    const visitor = { begin: () => this.began.push(name), late: () => this.late.push(name) }
    this.#visitors.set(name, visitor)
    return this.turns.enter(visitor)
  }

  leave(name: number): void {
    const visitor = this.#visitors.get(name)
    if (visitor) this.turns.leave(visitor)
  }

  [Symbol.dispose](): void {
    for (const visitor of this.#visitors.values()) this.turns.leave(visitor)
  }
}

test('who waits gets in in the order of coming, and who leaves loses their place', () => {
  using stage = new Stage()
  for (const name of [1, 2, 3, 4]) assert.ok(stage.enter(name))
  assert.deepEqual(stage.began, [1])
  stage.leave(3)
  stage.leave(1)
  assert.deepEqual(stage.began, [1, 2])
  stage.leave(2)
  assert.deepEqual(stage.began, [1, 2, 4])
  stage.leave(2)
  assert.deepEqual(stage.turns.load, { having: 1, waiting: 0 })
})

test('a full queue takes nobody, and one of none lets nobody wait', () => {
  using stage = new Stage()
  stage.limits = { ...stage.limits, queue: 1 }
  assert.deepEqual(
    [1, 2, 3].map(name => stage.enter(name)),
    [true, true, false],
  )
  stage.leave(2)
  assert.ok(stage.enter(4))
  stage.limits = { ...stage.limits, queue: 0 }
  assert.ok(!stage.enter(5))
})

test('who waits for too long is told so, and nobody who came later', () => {
  using stage = new Stage()
  stage.enter(1)
  stage.enter(2)
  stage.now = 500
  stage.enter(3)
  stage.now = 1000
  stage.turns.look()
  assert.deepEqual(stage.late, [2])
  stage.leave(1)
  assert.deepEqual(stage.began, [1, 3])
})

test('new limits apply to those who wait already', () => {
  using stage = new Stage()
  for (const name of [1, 2, 3, 4, 5]) stage.enter(name)
  stage.limits = { ...stage.limits, concurrency: 3 }
  stage.turns.look()
  assert.deepEqual(stage.began, [1, 2, 3])
  stage.limits = { ...stage.limits, concurrency: 1 }
  stage.leave(1)
  stage.leave(2)
  assert.deepEqual(stage.began, [1, 2, 3])
  stage.limits = { ...stage.limits, concurrency: Number.POSITIVE_INFINITY }
  stage.turns.look()
  assert.deepEqual(stage.began, [1, 2, 3, 4, 5])
})

test('while anybody waits the timer looks by itself, and it ends with the last of them', t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  using stage = new Stage()
  stage.enter(1)
  stage.enter(2)
  stage.now = 1000
  t.mock.timers.tick(250)
  assert.deepEqual(stage.late, [2])
  stage.leave(1)
  assert.deepEqual(stage.turns.load, { having: 0, waiting: 0 })
})

test('in any order of coming, leaving, waiting and new limits: never too many, none passed over, none lost', () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant({ do: 'enter' } as const) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(40) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const), after: fc.nat(600) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('limit' as const), to: fc.integer({ min: 1, max: 4 }) }),
      },
    ),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, all => {
      using stage = new Stage()
      const limits = { concurrency: 2, queue: 3, queueTimeout: 1000 }
      stage.limits = limits
      /** The model: two lists. */
      const having: number[] = []
      let waiting: { name: number; since: number }[] = []
      const began: number[] = []
      const late: number[] = []
      const advance = () => {
        while (having.length < limits.concurrency) {
          const next = waiting.shift()
          if (!next) return
          having.push(next.name)
          began.push(next.name)
        }
      }
      let name = 0
      for (const step of all) {
        if (step.do === 'enter') {
          name++
          advance()
          waiting.push({ name, since: stage.now })
          advance()
          const isIn = waiting.length <= limits.queue
          if (!isIn) waiting.pop()
          assert.equal(stage.enter(name), isIn)
        } else if (step.do === 'leave') {
          const had = having.indexOf(step.who)
          if (had !== -1) {
            having.splice(had, 1)
            advance()
          } else waiting = waiting.filter(({ name }) => name !== step.who)
          stage.leave(step.who)
        } else if (step.do === 'look') {
          stage.now += step.after
          advance()
          const isLate = ({ since }: { since: number }) => stage.now - since >= limits.queueTimeout
          late.push(...waiting.filter(isLate).map(({ name }) => name))
          waiting = waiting.filter(each => !isLate(each))
          stage.turns.look()
        } else limits.concurrency = step.to
        assert.deepEqual(stage.turns.load, { having: having.length, waiting: waiting.length })
        assert.deepEqual(stage.began, began)
        assert.deepEqual(stage.late, late)
      }
    }),
  )
})
