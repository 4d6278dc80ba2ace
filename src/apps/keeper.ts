import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import { Looks, type Watchable } from './looks.ts'
import { noMemory } from './problems.ts'

/** What the keeper needs of an awake instance. */
export interface Keepable extends Watchable {
  /** True while no lease is out and nobody waits for one: it may be put to sleep. */
  readonly idle: boolean
  /** When it last woke or a lease came back. Only that it changes counts here: the wall clock may jump. */
  readonly lastUsed: number | undefined
  /** Whether work that it does in the background keeps it from being idle, so that it is looked at. */
  readonly watched: boolean
  /** Puts it to sleep; rejects when a request came in between or the engine failed. */
  sleep(reason: 'idle' | 'memory'): Promise<unknown>
}

/** Sleeps for idleness at one time: they are in no hurry, and stopping costs the engine as much as starting. */
const idleSleepsAtOnce = 4

/**
 * Decides who sleeps: by idleness, and by memory when an instance wants to wake. Over the budget the least
 * recently used idle instance goes first, never a busy one. If none can go, the wake waits its turn. One that works in
 * the background goes last, but it goes: it could keep a visitor waiting for ever, and its own next visitor wakes it.
 */
export class Keeper {
  /** Bytes for all instances together. */
  readonly budget: number
  readonly #now: () => number
  /**
   * Awake instances, least recently used last, each with the bytes charged for it. The cache never evicts by
   * itself, for it knows nothing of leases: only its order and its sum are used.
   */
  readonly #awake = new LRUCache<string, Keepable>({ maxSize: Number.MAX_SAFE_INTEGER })
  readonly #sizes = new Map<string, number>()
  /** Since when each was seen idle and unused, ms of `now`. */
  readonly #idle = new Map<string, { lastUsed: number | undefined; since: number }>()
  readonly #leaving = new Set<string>()
  readonly #looks = new Looks()
  /** Wakes are admitted in the order they came, so that a large one is not starved by small ones. */
  readonly #line = pLimit(1)
  #change: PromiseWithResolvers<void> | undefined

  /** @param options.now ms of a clock that only grows */
  constructor(options: { budget: number; now: () => number }) {
    this.budget = options.budget
    this.#now = options.now
  }

  /** Bytes charged for all awake instances. */
  get used(): number {
    return this.#awake.calculatedSize
  }

  /**
   * Resolves once the instance fits into the budget, having put others to sleep for it if need be; it is
   * charged from then on. An instance larger than the whole budget may run alone.
   *
   * @param timeout ms until it gives up
   * @throws {Problem} 503 `no_memory` when nothing could yield in time
   */
  admit(instance: Keepable, bytes: number, timeout: number): Promise<void> {
    const signal = AbortSignal.timeout(timeout)
    return this.#line(async () => {
      const size = Math.min(bytes, this.budget)
      while (this.used + size > this.budget) {
        if (this.used - this.#leavingBytes() + size > this.budget) {
          const victim = this.#oldestIdle()
          if (victim) {
            this.#dismiss(victim, 'memory')
            continue
          }
        }
        await this.#changeOr(signal)
      }
      this.charge(instance, size)
    })
  }

  /** Charges an instance without asking: it runs already. */
  charge(instance: Keepable, bytes: number): void {
    this.#awake.set(instance.name, instance, { size: Math.min(bytes, this.budget) })
    this.#sizes.set(instance.name, Math.min(bytes, this.budget))
  }

  /** The instance's memory is free again. */
  release(name: string): void {
    this.#awake.delete(name)
    this.#sizes.delete(name)
    this.#idle.delete(name)
    this.#looks.forget(name)
    this.poke()
  }

  /** The instance was just used. */
  touch(name: string): void {
    this.#awake.get(name)
  }

  /** Something changed that may let a waiting wake go on: an instance became idle. */
  poke(): void {
    this.#change?.resolve()
    this.#change = undefined
  }

  /** Puts to sleep what was idle for long enough; called about once a second. */
  sweep(): void {
    const now = this.#now()
    for (const instance of this.#oldestFirst()) {
      const { name, sleepAfter } = instance
      if (this.#leaving.has(name)) continue
      const due = this.#idleFor(instance, now) >= sleepAfter
      if (instance.watched && instance.idle) void this.#look(instance, now, due)
      else this.#looks.forget(name)
      if (due && !instance.watched) this.#dismissIdle(instance)
    }
  }

  /** Where it works in the background its idle time begins anew. One that is due is looked at once more before it goes. */
  async #look(instance: Keepable, begun: number, due: boolean): Promise<void> {
    const works = await this.#looks.look(instance, begun, due)
    const now = this.#now()
    if (works) this.#idle.set(instance.name, { lastUsed: instance.lastUsed, since: now })
    else if (works === false && due && this.#idleFor(instance, now) >= instance.sleepAfter)
      this.#dismissIdle(instance)
  }

  #dismissIdle(instance: Keepable): void {
    if (this.#leaving.has(instance.name) || this.#leaving.size >= idleSleepsAtOnce) return
    this.#dismiss(instance, 'idle')
  }

  /** ms for which every sweep saw it idle, and unused in between; -1 when this one does not. */
  #idleFor({ name, idle, lastUsed }: Keepable, now: number): number {
    const seen = this.#idle.get(name)
    if (idle && seen && seen.lastUsed === lastUsed) return now - seen.since
    if (idle) this.#idle.set(name, { lastUsed, since: now })
    else this.#idle.delete(name)
    return -1
  }

  #dismiss(instance: Keepable, reason: 'idle' | 'memory'): void {
    this.#leaving.add(instance.name)
    // The instance itself records why a sleep failed; here only its place in the order matters.
    instance
      .sleep(reason)
      .catch(() => undefined)
      .finally(() => {
        this.#leaving.delete(instance.name)
        this.poke()
      })
  }

  #oldestIdle(): Keepable | undefined {
    const idle = this.#oldestFirst().filter(one => one.idle && !this.#leaving.has(one.name))
    return idle.find(one => !this.#looks.works(one.name)) ?? idle[0]
  }

  #oldestFirst(): Keepable[] {
    return [...this.#awake.rvalues()].filter(instance => instance !== undefined)
  }

  #leavingBytes(): number {
    let sum = 0
    for (const name of this.#leaving) sum += this.#sizes.get(name) ?? 0
    return sum
  }

  #changeOr(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const late = () => reject(noMemory())
    if (signal.aborted) late()
    signal.addEventListener('abort', late, { once: true })
    this.#change ??= Promise.withResolvers()
    this.#change.promise.then(resolve)
    return promise.finally(() => signal.removeEventListener('abort', late))
  }
}
