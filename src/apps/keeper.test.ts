import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { Problem } from '../problem.ts'
import { type Policy, policies } from './eviction.ts'
import { type Keepable, Keeper } from './keeper.ts'

/** An instance that goes to sleep when the test says so. */
class Fake implements Keepable {
  readonly name: string
  idle = true
  frozen = false
  freezeAfter: number | undefined
  lastUsed = 0
  sleepAfter = 1_000
  watched = false
  visits = 1
  wakeCost: number | undefined
  /** What the next looks at it find; undefined: too early to say. */
  works: () => Promise<boolean | undefined> = async () => false
  asleep = Promise.withResolvers<void>()
  reasons: string[] = []
  readonly #keeper: Keeper

  constructor(keeper: Keeper, name: string) {
    this.#keeper = keeper
    this.name = name
  }

  async sleep(reason: 'idle' | 'memory'): Promise<void> {
    this.reasons.push(reason)
    await this.asleep.promise
    this.#keeper.release(this.name)
  }

  /** What it still has once it is frozen; undefined: it cannot be. */
  resident: number | undefined = 1

  async freeze(): Promise<void> {
    this.reasons.push('freeze')
    await Promise.resolve()
    if (this.resident === undefined) throw new Error('it cannot be frozen')
    this.frozen = true
    this.#keeper.recharge(this.name, this.resident)
  }
}

function keeperOf(budget: number, names: string[], policy: Policy = policies.lru) {
  const clock = { now: 0 }
  const keeper = new Keeper({ budget, now: () => clock.now, policy })
  const fakes = Object.fromEntries(names.map(name => [name, new Fake(keeper, name)])) as Record<string, Fake>
  return { clock, keeper, fakes }
}

test('while the budget holds, everyone is admitted and nobody sleeps', async () => {
  const { keeper, fakes } = keeperOf(30, ['a', 'b', 'c'])
  for (const fake of Object.values(fakes)) await keeper.admit(fake, 10, 1_000)
  assert.equal(keeper.used, 30)
  assert.deepEqual(
    Object.values(fakes).flatMap(fake => fake.reasons),
    [],
  )
})

test('over the budget the least recently used idle instance sleeps, and only as many as are needed', async () => {
  const { keeper, fakes } = keeperOf(30, ['a', 'b', 'c', 'd'])
  for (const name of ['a', 'b', 'c']) await keeper.admit(fakes[name]!, 10, 1_000)
  keeper.touch('a')
  const admitted = keeper.admit(fakes['d']!, 10, 1_000)
  await Promise.resolve()
  assert.deepEqual(fakes['b']!.reasons, ['memory'])
  fakes['b']!.asleep.resolve()
  await admitted
  assert.deepEqual([fakes['a']!.reasons, fakes['c']!.reasons], [[], []])
  assert.equal(keeper.used, 30)
})

test('a busy instance is passed over', async () => {
  const { keeper, fakes } = keeperOf(20, ['a', 'b', 'c'])
  for (const name of ['a', 'b']) await keeper.admit(fakes[name]!, 10, 1_000)
  fakes['a']!.idle = false
  fakes['b']!.asleep.resolve()
  await keeper.admit(fakes['c']!, 10, 1_000)
  assert.deepEqual([fakes['a']!.reasons, fakes['b']!.reasons], [[], ['memory']])
})

test('when nobody can yield, a wake waits until one becomes idle', async () => {
  const { keeper, fakes } = keeperOf(10, ['a', 'b'])
  await keeper.admit(fakes['a']!, 10, 1_000)
  fakes['a']!.idle = false
  const admitted = keeper.admit(fakes['b']!, 10, 10_000)
  fakes['a']!.asleep.resolve()
  fakes['a']!.idle = true
  keeper.poke()
  await admitted
  assert.deepEqual(fakes['a']!.reasons, ['memory'])
})

test('when nobody yields in time, the wake is told to try again', async () => {
  const { keeper, fakes } = keeperOf(10, ['a', 'b'])
  await keeper.admit(fakes['a']!, 10, 1_000)
  fakes['a']!.idle = false
  await assert.rejects(keeper.admit(fakes['b']!, 10, 5), (error: Problem) => {
    assert.deepEqual([error.code, error.status, error.retryAfter], ['no_memory', 503, 5])
    return error instanceof Problem
  })
  assert.equal(keeper.used, 10)
})

test('an instance that refuses to sleep, because a request came, leaves the wake to the next', async () => {
  const { keeper, fakes } = keeperOf(20, ['a', 'b', 'c'])
  for (const name of ['a', 'b']) await keeper.admit(fakes[name]!, 10, 1_000)
  fakes['b']!.asleep.resolve()
  const admitted = keeper.admit(fakes['c']!, 10, 10_000)
  await Promise.resolve()
  fakes['a']!.idle = false
  fakes['a']!.asleep.reject(new Error('a request arrived'))
  await admitted
  assert.deepEqual(fakes['b']!.reasons, ['memory'])
})

test('an instance larger than the whole budget runs alone', async () => {
  const { keeper, fakes } = keeperOf(10, ['a', 'b'])
  await keeper.admit(fakes['a']!, 5, 1_000)
  fakes['a']!.asleep.resolve()
  await keeper.admit(fakes['b']!, 50, 1_000)
  assert.deepEqual(fakes['a']!.reasons, ['memory'])
  assert.equal(keeper.used, 10)
})

test('what was idle for its time sleeps, what was used since or is busy does not', async () => {
  const { clock, keeper, fakes } = keeperOf(100, ['old', 'fresh', 'busy', 'patient'])
  for (const fake of Object.values(fakes)) await keeper.admit(fake, 10, 1_000)
  fakes['busy']!.idle = false
  fakes['patient']!.sleepAfter = 5_000
  for (clock.now = 0; clock.now < 1_000; clock.now += 100) {
    keeper.sweep()
    fakes['fresh']!.lastUsed = clock.now
  }
  keeper.sweep()
  keeper.sweep()
  assert.deepEqual(
    Object.values(fakes).map(fake => fake.reasons),
    [['idle'], [], [], []],
  )
})

test('one that became idle a moment ago stays for its whole time, however long it was busy', async () => {
  const { clock, keeper, fakes } = keeperOf(100, ['a'])
  const a = fakes['a']!
  await keeper.admit(a, 10, 1_000)
  a.idle = false
  for (const now of [0, 5_000]) {
    clock.now = now
    keeper.sweep()
  }
  a.idle = true
  clock.now = 5_900
  keeper.sweep()
  assert.deepEqual(a.reasons, [])
  clock.now = 6_900
  keeper.sweep()
  assert.deepEqual(a.reasons, ['idle'])
})

test('a wall clock that jumps, back or forth, keeps nobody awake and puts nobody to sleep early', async () => {
  const { clock, keeper, fakes } = keeperOf(100, ['back', 'forth'])
  const hour = 3_600_000
  for (const fake of Object.values(fakes)) {
    fake.lastUsed = 10 * hour
    await keeper.admit(fake, 10, 1_000)
  }
  keeper.sweep()
  clock.now = 500
  // Both are used once more, after the jump.
  fakes['back']!.lastUsed = 9 * hour
  fakes['forth']!.lastUsed = 11 * hour
  keeper.sweep()
  clock.now = 1_499
  keeper.sweep()
  assert.deepEqual([fakes['back']!.reasons, fakes['forth']!.reasons], [[], []])
  clock.now = 1_500
  keeper.sweep()
  assert.deepEqual([fakes['back']!.reasons, fakes['forth']!.reasons], [['idle'], ['idle']])
})

/** One whose background work counts, as an instance of 4 s; `sweep` lets the looks that it begins end. */
async function watchedOne(works: () => boolean | undefined) {
  const { clock, keeper, fakes } = keeperOf(100, ['a'])
  const a = fakes['a']!
  let looks = 0
  Object.assign(a, { watched: true, sleepAfter: 4_000 })
  a.works = async () => {
    looks++
    return works()
  }
  await keeper.admit(a, 10, 1_000)
  const sweep = async (now: number) => {
    clock.now = now
    keeper.sweep()
    await immediate()
  }
  return { a, sweep, looks: () => looks }
}

test('one that works in the background stays awake, and sleeps when it was idle for its time after that', async () => {
  let works = true
  const { a, sweep } = await watchedOne(() => works)
  for (let now = 0; now <= 20_000; now += 1_000) await sweep(now)
  assert.deepEqual(a.reasons, [])
  works = false
  for (let now = 21_000; now < 24_000; now += 1_000) await sweep(now)
  assert.deepEqual(a.reasons, [])
  await sweep(24_000)
  assert.deepEqual(a.reasons, ['idle'])
})

test('work that began after the last look but one is seen before it is put to sleep', async () => {
  let works = false
  const { a, sweep } = await watchedOne(() => works)
  for (let now = 0; now < 4_000; now += 1_000) await sweep(now)
  works = true
  await sweep(4_000)
  assert.deepEqual(a.reasons, [])
})

test('while it cannot be said whether it works, it is not put to sleep for idleness', async () => {
  let works: boolean | undefined
  const { a, sweep } = await watchedOne(() => works)
  for (let now = 0; now <= 10_000; now += 1_000) await sweep(now)
  assert.deepEqual(a.reasons, [])
  works = false
  await sweep(11_000)
  assert.deepEqual(a.reasons, ['idle'])
})

test('one that is used while it is looked at is not put to sleep for what the look found', async () => {
  const { a, sweep } = await watchedOne(() => false)
  await sweep(0)
  const look = Promise.withResolvers<boolean>()
  a.works = () => look.promise
  await sweep(4_000)
  a.lastUsed = 4_001
  look.resolve(false)
  await immediate()
  assert.deepEqual(a.reasons, [])
})

test('one that is looked at falls asleep or wakes anew meanwhile, and the look changes nothing', async () => {
  const { clock, keeper, fakes } = keeperOf(100, ['a'])
  const a = fakes['a']!
  const look = Promise.withResolvers<boolean>()
  Object.assign(a, { watched: true, works: () => look.promise })
  await keeper.admit(a, 10, 1_000)
  keeper.sweep()
  keeper.release('a')
  await keeper.admit(a, 10, 1_000)
  clock.now = 5_000
  look.resolve(false)
  await immediate()
  assert.deepEqual(a.reasons, [])
})

test('only those whose background work counts are looked at, while they are idle, and only every few seconds', async () => {
  const { a, sweep, looks } = await watchedOne(() => true)
  a.sleepAfter = 300_000
  for (let now = 0; now < 50_000; now += 1_000) await sweep(now)
  assert.equal(looks(), 10)
  a.idle = false
  for (let now = 50_000; now < 60_000; now += 1_000) await sweep(now)
  a.idle = true
  a.watched = false
  for (let now = 60_000; now < 70_000; now += 1_000) await sweep(now)
  assert.equal(looks(), 10)
})

test('for memory one that works in the background yields last, but it yields: a visitor waits', async () => {
  const { keeper, fakes } = keeperOf(20, ['worker', 'quiet', 'c', 'd'])
  Object.assign(fakes['worker']!, { watched: true, works: async () => true })
  for (const name of ['worker', 'quiet']) await keeper.admit(fakes[name]!, 10, 1_000)
  keeper.sweep()
  await immediate()
  for (const fake of Object.values(fakes)) fake.asleep.resolve()
  await keeper.admit(fakes['c']!, 10, 1_000)
  assert.deepEqual([fakes['worker']!.reasons, fakes['quiet']!.reasons], [[], ['memory']])
  fakes['c']!.idle = false
  await keeper.admit(fakes['d']!, 10, 1_000)
  assert.deepEqual(fakes['worker']!.reasons, ['memory'])
})

test('over the budget the least recently used is frozen, and sleeps only when that is not enough', async () => {
  const { keeper, fakes } = keeperOf(20, ['a', 'b', 'c', 'd'])
  const { a, b, c, d } = fakes as Record<'a' | 'b' | 'c' | 'd', Fake>
  for (const fake of Object.values(fakes)) {
    fake.freezeAfter = 30_000
    fake.resident = 4
    fake.asleep.resolve()
  }
  await keeper.admit(a, 10, 1_000)
  await keeper.admit(b, 10, 1_000)
  assert.deepEqual([a.reasons, b.reasons], [[], []])
  await keeper.admit(c, 6, 1_000)
  assert.deepEqual([a.reasons, b.reasons, keeper.used], [['freeze'], [], 20])
  await keeper.admit(d, 10, 1_000)
  const reasons = [a, b, c].map(fake => fake.reasons)
  assert.deepEqual(reasons, [['freeze', 'memory'], ['freeze'], ['freeze']])
  assert.equal(keeper.used, 18)
})

test('who yields is weighed by what is known: memory, how long it was idle, and how long its start takes', async () => {
  const seen: unknown[] = []
  const { clock, keeper, fakes } = keeperOf(30, ['a', 'b', 'c', 'd'], idle => {
    seen.push(idle.map(({ bytes, idleFor, wakeCost, frozen }) => ({ bytes, idleFor, wakeCost, frozen })))
    const who = idle.at(-1)
    return who && { who, move: 'sleep' }
  })
  const { a, b, c, d } = fakes as Record<'a' | 'b' | 'c' | 'd', Fake>
  Object.assign(a, { wakeCost: 300, frozen: true })
  b.idle = false
  await keeper.admit(a, 5, 1_000)
  await keeper.admit(b, 10, 1_000)
  keeper.sweep()
  clock.now = 700
  await keeper.admit(c, 15, 1_000)
  c.asleep.resolve()
  await keeper.admit(d, 10, 1_000)
  assert.deepEqual(seen, [
    [
      { bytes: 5, idleFor: 700, wakeCost: 300, frozen: true },
      { bytes: 15, idleFor: 0, wakeCost: undefined, frozen: false },
    ],
  ])
  assert.deepEqual([a.reasons, b.reasons, c.reasons], [[], [], ['memory']])
})

test('one yields although there is memory, but not while another does, and none that works in the background', async () => {
  const { keeper, fakes } = keeperOf(100, ['worker', 'a', 'b'])
  const { worker, a, b } = fakes as Record<'worker' | 'a' | 'b', Fake>
  Object.assign(worker, { watched: true, works: async () => true })
  for (const fake of [worker, a, b]) keeper.charge(fake, 10)
  keeper.sweep()
  await immediate()
  assert.deepEqual(keeper.yieldOne(), { who: 'a', move: 'sleep' })
  assert.equal(keeper.yieldOne(), undefined)
  a.asleep.resolve()
  await immediate()
  b.freezeAfter = 30_000
  assert.deepEqual(keeper.yieldOne(), { who: 'b', move: 'freeze' })
  await immediate()
  b.idle = false
  assert.equal(keeper.yieldOne(), undefined)
  assert.deepEqual([worker.reasons, a.reasons, b.reasons], [[], ['memory'], ['freeze']])
})

test('one that gives nothing back when it is frozen sleeps, and others are not frozen in vain', async () => {
  for (const policy of Object.values(policies)) {
    const { keeper, fakes } = keeperOf(20, ['a', 'b', 'c'], policy)
    const { a, b, c } = fakes as Record<'a' | 'b' | 'c', Fake>
    for (const fake of [a, b]) {
      Object.assign(fake, { freezeAfter: 30_000, resident: 10 })
      fake.asleep.resolve()
      await keeper.admit(fake, 10, 1_000)
    }
    await keeper.admit(c, 10, 1_000)
    assert.deepEqual([a.reasons, b.reasons, keeper.used], [['freeze', 'memory'], [], 20])
  }
})

test('one that cannot be frozen sleeps instead', async () => {
  const { keeper, fakes } = keeperOf(10, ['a', 'b'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  a.freezeAfter = 30_000
  a.resident = undefined
  a.asleep.resolve()
  await keeper.admit(a, 10, 1_000)
  await keeper.admit(b, 10, 1_000)
  assert.deepEqual(a.reasons, ['freeze', 'memory'])
})

test('a frozen one that thaws is charged what it may use again, in the place of what it had', async () => {
  const { keeper, fakes } = keeperOf(20, ['a', 'b'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  await keeper.admit(a, 10, 1_000)
  keeper.recharge('a', 1)
  await keeper.admit(b, 10, 1_000)
  assert.equal(keeper.used, 11)
  await keeper.admit(a, 10, 1_000)
  assert.equal(keeper.used, 20)
})

test('what was idle for its time is frozen, and sleeps when it was idle for longer', () => {
  const { clock, keeper, fakes } = keeperOf(20, ['a', 'b'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  a.freezeAfter = 300
  keeper.charge(a, 10)
  keeper.charge(b, 10)
  const sweptAt = (now: number) => {
    clock.now = now
    keeper.sweep()
  }
  sweptAt(0)
  sweptAt(200)
  assert.deepEqual([a.reasons, b.reasons], [[], []])
  sweptAt(300)
  assert.deepEqual([a.reasons, b.reasons], [['freeze'], []])
})

test('one that works in the background is not frozen', async () => {
  const { clock, keeper, fakes } = keeperOf(20, ['a'])
  const { a } = fakes as Record<'a', Fake>
  a.freezeAfter = 300
  a.watched = true
  a.works = async () => true
  keeper.charge(a, 10)
  for (clock.now = 0; clock.now < 900; clock.now += 100) {
    keeper.sweep()
    await immediate()
  }
  assert.deepEqual(a.reasons, [])
})

test('a frozen one goes on before who waits in the line for the memory that it holds', async () => {
  const { keeper, fakes } = keeperOf(10, ['a', 'b'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  await keeper.admit(a, 10, 1_000)
  a.frozen = true
  keeper.recharge('a', 3)
  // It is asked for: it cannot yield.
  a.idle = false
  const admitted = keeper.admit(b, 10, 10_000)
  assert.equal(await keeper.readmit(a, 10, 1_000), true)
  a.frozen = false
  a.idle = true
  a.asleep.resolve()
  keeper.poke()
  await admitted
  assert.deepEqual(a.reasons, ['memory'])
})

test('what becomes free goes to a frozen one that waits to go on, and only then to the first in the line', async () => {
  const { keeper, fakes } = keeperOf(30, ['a', 'b', 'c', 'd'])
  const { a, b, c, d } = fakes as Record<'a' | 'b' | 'c' | 'd', Fake>
  for (const fake of [a, b, c]) await keeper.admit(fake, 10, 1_000)
  for (const fake of [a, b, c]) fake.idle = false
  a.frozen = true
  keeper.recharge('a', 2)
  keeper.recharge('b', 15)
  const order: string[] = []
  const admitted = keeper.admit(d, 5, 10_000).then(() => order.push('d'))
  await immediate()
  b.idle = true
  const thawed = keeper.readmit(a, 10, 10_000).then(went => order.push(`a ${went}`))
  await immediate()
  b.asleep.resolve()
  await Promise.all([admitted, thawed])
  assert.deepEqual([order, keeper.used], [['a true', 'd'], 25])
})

test('a frozen one does not go on again and again while somebody waits in the line for long', async () => {
  const { clock, keeper, fakes } = keeperOf(10, ['a', 'b', 'c'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  await keeper.admit(a, 10, 1_000)
  keeper.recharge('a', 3)
  a.idle = false
  const admitted = keeper.admit(b, 10, 10_000)
  await immediate()
  clock.now = 5_000
  // Alone it would fit; beside what another has it does not.
  keeper.charge(fakes['c']!, 2)
  assert.equal(await keeper.readmit(a, 10, 1_000), false)
  keeper.release('a')
  keeper.release('c')
  await admitted
})

test('a frozen one goes when nothing can yield for it', async () => {
  const { keeper, fakes } = keeperOf(10, ['a', 'b'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  keeper.charge(a, 3)
  keeper.charge(b, 5)
  b.idle = false
  assert.equal(await keeper.readmit(a, 8, 1_000), false)
})

test('room is made for who wakes next, by one after the other, while nobody waits', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
  const { keeper, fakes } = keeperOf(100, names)
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  const asleep = () => names.filter(name => fakes[name]!.reasons.length > 0)
  for (const name of names) await keeper.admit(fakes[name]!, 10, 1_000)
  assert.deepEqual(asleep(), [])
  keeper.poke()
  assert.deepEqual(asleep(), ['a'])
  a.asleep.resolve()
  await immediate()
  assert.deepEqual([asleep(), keeper.used], [['a'], 90])
  assert.deepEqual(b.reasons, [])
})

test('no room is made for who wakes next where that is not a whole one, or nobody has woken of late', async () => {
  const { clock, keeper, fakes } = keeperOf(100, ['a', 'b', 'c', 'd', 'e', 'f'])
  for (const name of ['a', 'b', 'c', 'd']) await keeper.admit(fakes[name]!, 25, 1_000)
  keeper.poke()
  for (const name of ['a', 'b', 'c', 'd']) keeper.release(name)
  for (const name of ['a', 'b', 'c', 'd', 'e']) await keeper.admit(fakes[name]!, 10, 1_000)
  clock.now = 120_000
  keeper.charge(fakes['f']!, 50)
  keeper.poke()
  assert.deepEqual(
    Object.values(fakes).flatMap(fake => fake.reasons),
    [],
  )
})

test('one that could not yield for who wakes next is not asked again before the next sweep', async () => {
  const names = Array.from({ length: 10 }, (_, n) => `app-${n}`)
  const { keeper, fakes } = keeperOf(100, names)
  for (const name of names) await keeper.admit(fakes[name]!, 10, 1_000)
  let asked = 0
  for (const fake of Object.values(fakes)) {
    fake.sleep = async () => {
      asked++
      throw new Error('the engine is away')
    }
  }
  for (let pokes = 0; pokes < 3; pokes++) {
    keeper.poke()
    await immediate()
  }
  assert.equal(asked, 1)
  keeper.sweep()
  await immediate()
  assert.equal(asked, 2)
})

test('who has grown over the budget together has one of them yield', () => {
  const { keeper, fakes } = keeperOf(20, ['a', 'b'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  keeper.charge(a, 10)
  keeper.charge(b, 10)
  keeper.relieve()
  assert.deepEqual([a.reasons, b.reasons], [[], []])
  keeper.recharge('b', 15)
  keeper.relieve()
  assert.deepEqual([a.reasons, b.reasons], [['memory'], []])
})

test('a frozen one whose memory is just being given back need not wait for that to go on', async () => {
  const { keeper, fakes } = keeperOf(10, ['a', 'b'])
  const { a, b } = fakes as Record<'a' | 'b', Fake>
  const given = Promise.withResolvers<void>()
  a.freezeAfter = 30_000
  a.freeze = async () => {
    a.frozen = true
    await given.promise
  }
  keeper.charge(a, 4)
  keeper.charge(b, 6)
  keeper.recharge('b', 9)
  keeper.relieve()
  keeper.recharge('b', 6)
  assert.equal(await keeper.readmit(a, 4, 1_000), true)
  given.resolve()
})

test('for one that needs much, only a few yield at a time', async () => {
  const names = Array.from({ length: 10 }, (_, n) => `small-${n}`)
  const { keeper, fakes } = keeperOf(10, [...names, 'large'])
  for (const name of names) keeper.charge(fakes[name]!, 1)
  const admitted = keeper.admit(fakes['large']!, 10, 10_000)
  await immediate()
  const leaving = () => names.filter(name => fakes[name]!.reasons.length > 0)
  assert.equal(leaving().length, 4)
  for (const name of names) fakes[name]!.asleep.resolve()
  await admitted
  assert.equal(leaving().length, 10)
})
