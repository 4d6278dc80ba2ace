import pLimit, { type LimitFunction } from 'p-limit'
import { Footprint } from '../../src/apps/footprint.ts'
import type { Keepable, Keeper } from '../../src/apps/keeper.ts'
import { Visits } from '../../src/apps/visits.ts'
import { silent } from '../../src/log.ts'
import type { Processor } from './processor.ts'
import type { Profile } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

const MiB = 1024 ** 2
/** The settings that an app has when nothing is set; bytes, ms. */
const limit = 256 * MiB
const freezeAfter = 30_000
const sleepAfter = 300_000
const wakeTimeout = 30_000

/* CPU time that the engine and the kernel take on a small server, ms. */
const stopping = 80
const committing = 170
const pausing = 10
const reclaiming = { least: 20, perMiB: 1 }
/** Pages that were taken from it are read again. */
const thawing = { least: 10, perMiB: 1.8 }

/** Which share of its memory an app has that has just started, and how long it takes to have all of it, ms. */
const started = { share: 0.7, over: 60_000 }
/** Which share of what it gave back one that was frozen uses again at once, and how long it takes to use the rest, ms. */
const thawed = { again: 0.35, over: 300_000 }

/** What all simulated apps share. */
export type World = {
  time: VirtualTime
  processor: Processor
  keeper: Keeper
  /** Bounds how many start at once. */
  starts: LimitFunction
  /** Whether what a frozen app has written to its memory goes to swap. */
  swap: boolean
  /** Whether it is known what apps need, as where all have run before. */
  known: boolean
  tally: Tally
}

/** What became of visitors. */
export class Tally {
  cold = 0
  thaws = 0
  /** Requests that were refused for want of memory. */
  refused = 0
  /** ms that each request had to wait. */
  readonly waits: number[] = []

  waited(ms: number): void {
    if (ms >= wakeTimeout) this.refused++
    this.waits.push(Math.min(ms, wakeTimeout))
  }
}

/** An instance that takes the time and the memory that its profile says, and is kept by a real keeper. */
export class SimulatedApp implements Keepable {
  readonly name: string
  readonly sleepAfter = sleepAfter
  readonly freezeAfter = freezeAfter
  readonly watched = false
  lastUsed: number | undefined
  readonly #profile: Profile
  readonly #world: World
  readonly #footprint: Footprint
  readonly #turns = pLimit(1)
  readonly #visits = new Visits()
  #state: 'asleep' | 'waking' | 'awake' | 'frozen' | 'falling-asleep' = 'asleep'
  #running = 0
  #waiting: { since: number; takes: number }[] = []
  #wakes = false
  #since = 0
  /** Which share of its memory it had when it last went on, and how long it takes to have all of it, ms. */
  #growth = { share: 0, at: 0, over: 1 }
  /** Counts how often it went on; what was begun before does not count then. */
  #thaws = 0
  #left: number | undefined
  #measured = false

  constructor(profile: Profile, world: World) {
    this.name = profile.name
    this.#profile = profile
    this.#world = world
    const peakMemory = world.known ? profile.bytes : null
    const store = {
      app: () => ({ peakMemory }),
      usualPeak: () => undefined,
      needed: () => undefined,
    }
    this.#footprint = new Footprint({ store, log: silent }, profile.name)
  }

  get idle(): boolean {
    return this.isUp && !this.#isWanted && this.#turns.pendingCount === 0
  }

  get isUp(): boolean {
    return this.#state === 'awake' || this.frozen
  }

  get frozen(): boolean {
    return this.#state === 'frozen'
  }

  get visits(): number {
    return this.#visits.of(this.#world.time.now())
  }

  get wakeCost(): number | undefined {
    return this.#measured ? this.#profile.wakeCost : undefined
  }

  works = () => Promise.resolve(false)

  /** Bytes that it has in memory now. */
  get bytes(): number {
    const { share, at, over } = this.#growth
    const grown = Math.min((this.#world.time.now() - at) / over, 1)
    return this.#left ?? this.#profile.bytes * (share + (1 - share) * grown)
  }

  /** Somebody asks for it; it works on that for `takes` ms. */
  request(takes: number): void {
    this.#visits.note(this.#world.time.now())
    if (this.#state === 'awake') {
      this.#world.tally.waited(0)
      this.#serve(takes)
      return
    }
    this.#waiting.push({ since: this.#world.time.now(), takes })
    if (this.#wakes) return
    this.#wakes = true
    void this.#inTurn(() => this.#wake()).finally(() => {
      this.#wakes = false
    })
  }

  /** Its memory is looked at, and it is charged for it. */
  look(): void {
    const ranFor = this.#world.time.now() - this.#since
    const { frozen, bytes } = this
    const charge = frozen ? this.#footprint.kept(bytes) : this.#footprint.sample(bytes, { limit, ranFor })
    this.#world.keeper.recharge(this.name, charge)
  }

  sleep(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.isUp || this.#isWanted) throw new Error('it is asked for')
      await this.#fallAsleep()
    })
  }

  async freeze(): Promise<void> {
    const { processor, keeper, swap } = this.#world
    await this.#inTurn(async () => {
      if (this.#state !== 'awake' || this.#isWanted) throw new Error('it is asked for')
      this.#state = 'frozen'
      await processor.work(pausing)
    })
    const thaws = this.#thaws
    const { bytes } = this
    await processor.work(reclaiming.least + (reclaiming.perMiB * bytes) / MiB)
    if (!this.frozen || thaws !== this.#thaws) return
    this.#left = bytes * (swap ? 0.05 : this.#profile.solid)
    keeper.recharge(this.name, this.#footprint.kept(this.#left))
  }

  get #isWanted(): boolean {
    return this.#running + this.#waiting.length > 0
  }

  #serve(takes: number): void {
    const { time, keeper } = this.#world
    keeper.touch(this.name)
    this.#running++
    time.after(takes, () => {
      this.#running--
      this.lastUsed = time.now()
      keeper.poke()
    })
  }

  async #wake(): Promise<void> {
    const { time, processor, keeper, starts, tally } = this.#world
    if (this.#state === 'awake') return
    if (this.frozen && (await this.#thaw())) return
    this.#state = 'waking'
    try {
      await keeper.admit(this, this.#footprint.reserve(limit), wakeTimeout)
    } catch {
      this.#state = 'asleep'
      for (const _ of this.#waiting.splice(0)) tally.waited(wakeTimeout)
      return
    }
    await starts(() => processor.work(this.#profile.wakeCost))
    tally.cold++
    this.#measured = true
    this.#since = time.now()
    this.#goesOn(started)
  }

  /** False when there is no memory for it: it has to come again, as the others do. */
  async #thaw(): Promise<boolean> {
    const { processor, keeper, tally } = this.#world
    this.#state = 'waking'
    if (!(await keeper.readmit(this, this.#footprint.resume(limit), wakeTimeout))) {
      await this.#fallAsleep()
      return false
    }
    const gone = this.#left === undefined ? 0 : this.#profile.bytes - this.#left
    await processor.work(thawing.least + (thawing.perMiB * gone) / MiB)
    tally.thaws++
    const left = (this.#left ?? this.#profile.bytes) / this.#profile.bytes
    this.#goesOn({ share: left + (1 - left) * thawed.again, over: thawed.over })
    return true
  }

  #goesOn(growth: { share: number; over: number }): void {
    const { time, tally } = this.#world
    this.#growth = { ...growth, at: time.now() }
    this.#thaws++
    this.#left = undefined
    this.lastUsed = time.now()
    this.#state = 'awake'
    for (const { since, takes } of this.#waiting.splice(0)) {
      tally.waited(time.now() - since)
      this.#serve(takes)
    }
  }

  async #fallAsleep(): Promise<void> {
    const { processor, keeper } = this.#world
    this.#state = 'falling-asleep'
    await processor.work(stopping)
    keeper.release(this.name)
    await processor.work(committing)
    this.#footprint.ended()
    this.#left = undefined
    this.#state = 'asleep'
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    return this.#turns(step).finally(() => this.#world.keeper.poke())
  }
}
