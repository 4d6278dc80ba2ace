import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import { type Candidate, type Policy, policies, type Yielding } from './eviction.ts'
import { Headroom } from './headroom.ts'
import { Looks, type Watchable } from './looks.ts'
import { noMemory } from './problems.ts'

/** Why an app is frozen: nobody uses it, others need its memory, or somebody has asked for it. */
export type FreezeReason = 'idle' | 'memory' | 'manual'

/** What the keeper needs of an awake or frozen instance. */
export interface Keepable extends Watchable {
  /** True while no lease is out and nobody waits for one: it may be frozen or put to sleep. */
  readonly idle: boolean
  readonly frozen: boolean
  /** ms that it may be idle until it is frozen; undefined: it never is. */
  readonly freezeAfter: number | undefined
  /** When it last woke or a lease came back. Only that it changes counts here: the wall clock may jump. */
  readonly lastUsed: number | undefined
  /** Whether work that it does in the background keeps it from being idle, so that it is looked at. */
  readonly watched: boolean
  /** How often it was visited of late; see `Visits`. */
  readonly visits: number
  /** ms that its next start is expected to take; undefined: nobody has measured one. */
  readonly wakeCost: number | undefined
  /** Puts it to sleep; rejects when a request came in between or the engine failed. */
  sleep(reason: 'idle' | 'memory'): Promise<unknown>
  /**
   * Stops it where it is and gives its memory back, at once if that is for others' need of it, even of one that is frozen
   * already; rejects when a request came in between or the engine failed.
   */
  freeze(reason: FreezeReason): Promise<unknown>
}

type KeeperOptions = {
  budget: number
  now: () => number
  policy?: Policy
  timeout?: (ms: number) => AbortSignal
}

type Yields = { instance: Keepable; move: Yielding<unknown>['move'] }

/** How long frozen instances may go on before who waits in the line, ms. */
const patience = 2_000

/** How many are frozen or put to sleep at one time: stopping costs the engine as much as starting. */
const leavingAtOnce = 4

/**
 * Decides who is frozen and who sleeps: by idleness, and by memory when an instance wants to wake. Over the budget an
 * idle instance is frozen first; where all are, one of them sleeps; see `eviction.ts` for which. Never a busy one. If
 * none can yield, the wake waits its turn. One that works in the background goes last, but it goes: it could keep a
 * visitor waiting for ever, and its own next visitor wakes it.
 */
export class Keeper {
  /** Bytes for all instances together. */
  readonly budget: number
  readonly #now: () => number
  readonly #policy: Policy
  readonly #timeout: (ms: number) => AbortSignal
  /**
   * Awake and frozen instances, least recently used last. The cache never evicts by itself, for it knows nothing of
   * leases: only its order is used.
   */
  readonly #up = new LRUCache<string, Keepable>({ maxSize: Number.MAX_SAFE_INTEGER })
  /** Bytes charged for each. */
  readonly #charges = new Map<string, number>()
  #used = 0
  /** Since when each was seen idle and unused, ms of `now`. */
  readonly #idle = new Map<string, { lastUsed: number | undefined; since: number }>()
  readonly #leaving = new Set<string>()
  /** Those of them that are being frozen and take their time over it. */
  readonly #unhurried = new Set<Keepable>()
  #moves = 0
  readonly #looks = new Looks()
  readonly #headroom = new Headroom()
  /** Whether others may have to yield for who wakes next. */
  #prepares = false
  /** Wakes are admitted in the order they came, so that a large one is not starved by small ones. */
  readonly #line = pLimit(1)
  /** Who is first in the line: since when, ms of `now`, and for how many bytes. */
  #first: { since: number; bytes: number } | undefined
  /** Bytes that frozen ones wait for, to go on. */
  #thawing = 0
  #change: PromiseWithResolvers<void> | undefined

  /**
   * @param options.now ms of a clock that only grows
   * @param options.policy which idle instance yields
   * @param options.timeout a signal that aborts after so many ms of that clock
   */
  constructor({ budget, now, policy = policies.weighed, timeout = AbortSignal.timeout }: KeeperOptions) {
    this.budget = budget
    this.#now = now
    this.#policy = policy
    this.#timeout = timeout
  }

  /** How often an instance was let on, frozen or put to sleep. */
  get moves(): number {
    return this.#moves
  }

  /** Bytes charged for all awake and frozen instances. */
  get used(): number {
    return this.#used
  }

  /**
   * Resolves once the instance fits into the budget, having frozen others or put them to sleep for it if need be; it
   * is charged from then on. An instance larger than the whole budget may run alone.
   *
   * @param timeout ms until it gives up
   * @throws {Problem} 503 `no_memory` when nothing could yield in time
   */
  admit(instance: Keepable, bytes: number, timeout: number): Promise<void> {
    const signal = this.#timeout(timeout)
    return this.#line(async () => {
      this.#first = { since: this.#now(), bytes }
      try {
        // Those that thaw come before it: they need little, and hold what it may need.
        while (this.#isShortOf(bytes, instance, { wanted: this.#isOverdue ? 0 : this.#thawing })) {
          const coming = this.#leavingBytes(instance.name)
          const comes = this.#isBusy || !this.#isShortOf(bytes, instance, { coming })
          if (comes) this.#hurry()
          if (comes || !this.#makeOneYield()) await this.#changeOr(signal)
        }
        this.#let(instance, bytes)
      } finally {
        this.#first = undefined
      }
    })
  }

  /**
   * Like {@link admit}, for a frozen instance that is to go on. It takes no place in the line: it holds memory that who
   * is before it may be waiting for. It goes before those in the line, until the first of them has waited for long; then
   * there has to be room for that one too. False where nothing can yield, or both do not fit: it has to go then, and come
   * again like all others.
   */
  async readmit(instance: Keepable, bytes: number, timeout: number): Promise<boolean> {
    const signal = this.#timeout(timeout)
    const more = bytes - (this.#charges.get(instance.name) ?? 0)
    this.#thawing += more
    try {
      for (;;) {
        const wanted = (this.#isOverdue && this.#first?.bytes) || 0
        if (!this.#isShortOf(bytes, instance, { wanted })) break
        if (wanted > 0 && wanted + bytes > this.budget) return false
        const coming = this.#leavingBytes(instance.name)
        const comes = this.#isBusy || !this.#isShortOf(bytes, instance, { wanted, coming })
        if (comes) this.#hurry()
        if (!(comes ? await this.#changeOr(signal).then(yes, no) : this.#makeOneYield())) return false
      }
    } finally {
      this.#thawing -= more
    }
    this.#let(instance, bytes)
    return true
  }

  /** Whether who is first in the line has waited for long. */
  get #isOverdue(): boolean {
    return this.#first !== undefined && this.#now() - this.#first.since > patience
  }

  #let(instance: Keepable, bytes: number): void {
    this.#headroom.add(bytes - (this.#charges.get(instance.name) ?? 0), this.#now())
    this.#prepares = true
    this.charge(instance, bytes)
  }

  /**
   * Whether the budget is too small for it beside all others.
   *
   * @param options.wanted bytes that others get before it
   * @param options.coming bytes that will be free
   */
  #isShortOf(bytes: number, { name }: Keepable, { wanted = 0, coming = 0 } = {}): boolean {
    const own = this.#charges.get(name) ?? 0
    const others = this.used - own + wanted - coming
    return others + Math.min(bytes, this.budget) > this.budget
  }

  /** Charges an instance without asking: it runs already. */
  charge(instance: Keepable, bytes: number): void {
    this.#moves++
    this.#up.set(instance.name, instance, { size: 1 })
    this.#chargeFor(instance.name, Math.min(bytes, this.budget))
  }

  /** An instance has, or may need, so much now. */
  recharge(name: string, bytes: number): void {
    const charged = this.#charges.get(name)
    if (charged === undefined || charged === bytes) return
    this.#chargeFor(name, Math.min(bytes, this.budget))
    if (bytes < charged) this.poke()
  }

  /** Has instances yield while all together have more than the budget: some have grown. */
  relieve(): void {
    while (!this.#isBusy && this.used - this.#leavingBytes() > this.budget && this.#makeOneYield());
  }

  /**
   * Has one instance yield although the budget is not used up, unless some just do; undefined when none does. One that
   * works in the background goes on: nobody waits for its memory.
   */
  yieldOne(): Yielding<string> | undefined {
    const yields = this.#leaving.size === 0 ? this.#choose() : undefined
    if (yields === undefined) return undefined
    this.#makeYield(yields)
    return { who: yields.instance.name, move: yields.move }
  }

  /** The instance's memory is free again. */
  release(name: string): void {
    this.#up.delete(name)
    this.#chargeFor(name, 0)
    this.#charges.delete(name)
    this.#idle.delete(name)
    this.#looks.forget(name)
    this.poke()
  }

  /** The instance was just used. */
  touch(name: string): void {
    this.#up.get(name)
  }

  /** Something changed that may let a waiting wake go on: an instance became idle. */
  poke(): void {
    this.#change?.resolve()
    this.#change = undefined
    this.#prepare()
  }

  /** Has one after the other yield for who wakes next. While somebody waits, those yield that it takes. */
  #prepare(): void {
    if (!this.#prepares || this.#leaving.size > 0 || this.#first !== undefined) return
    const isShort = this.used + this.#headroom.of(this.budget, this.#now()) > this.budget
    const yields = isShort ? this.#choose() : undefined
    if (yields) this.#makeYield(yields)
    else this.#prepares = false
  }

  /** Freezes and puts to sleep what was idle for long enough; called about once a second. */
  sweep(): void {
    const now = this.#now()
    for (const instance of this.#oldestFirst()) {
      const { name, watched, idle } = instance
      if (this.#leaving.has(name)) continue
      const due = this.#due(instance, now)
      if (watched && idle) void this.#look(instance, now, due !== undefined)
      else this.#looks.forget(name)
      if (!watched) this.#dismissIdle(instance, due)
    }
    this.#prepares = true
    this.#prepare()
  }

  /** What is to become of it for having been idle for long enough. */
  #due(instance: Keepable, now: number): 'freeze' | 'sleep' | undefined {
    const idleFor = this.#idleFor(instance, now)
    if (idleFor >= instance.sleepAfter) return 'sleep'
    const { frozen, freezeAfter } = instance
    return !frozen && freezeAfter !== undefined && idleFor >= freezeAfter ? 'freeze' : undefined
  }

  /** Where it works in the background its idle time begins anew. One that is due is looked at once more before it goes. */
  async #look(instance: Keepable, begun: number, due: boolean): Promise<void> {
    const works = await this.#looks.look(instance, begun, due)
    const now = this.#now()
    if (works) this.#idle.set(instance.name, { lastUsed: instance.lastUsed, since: now })
    else if (works === false && due) this.#dismissIdle(instance, this.#due(instance, now))
  }

  #dismissIdle(instance: Keepable, due: 'freeze' | 'sleep' | undefined): void {
    if (due === undefined || this.#leaving.has(instance.name) || this.#isBusy) return
    if (due === 'freeze') this.#unhurried.add(instance)
    this.#dismiss(instance, () => (due === 'freeze' ? instance.freeze('idle') : instance.sleep('idle')))
  }

  /** Who was frozen for idleness is to give its memory back at once. */
  #hurry(): void {
    for (const instance of this.#unhurried) instance.freeze('memory').catch(() => undefined)
    this.#unhurried.clear()
  }

  /** Has one instance yield its memory; false when none can. */
  #makeOneYield(): boolean {
    const yielding = this.#choose()
    const last = this.#idleOnes()[0]
    if (yielding) this.#makeYield(yielding)
    else if (last) this.#makeYield({ instance: last, move: 'sleep' })
    return (yielding ?? last) !== undefined
  }

  /** Who of those that do not work in the background is to yield, and how. */
  #choose(): Yields | undefined {
    const now = this.#now()
    const still = this.#idleOnes().filter(one => !this.#looks.works(one.name))
    const chosen = this.#policy(still.map(instance => this.#toCandidate(instance, now)))
    return chosen && { instance: chosen.who.instance, move: chosen.move }
  }

  #makeYield({ instance, move }: Yields): void {
    const sleep = () => instance.sleep('memory')
    const before = this.#charges.get(instance.name)
    // As where its memory cannot be reached from here: others would be frozen in vain like it.
    const gaveNothing = () => instance.frozen && this.#charges.get(instance.name) === before
    // One that cannot be frozen, as while somebody who does not count as a visitor is answered, can still sleep.
    const freeze = () => instance.freeze('memory').then(() => (gaveNothing() ? sleep() : undefined), sleep)
    this.#dismiss(instance, move === 'freeze' ? freeze : sleep)
  }

  /** Those that may yield, least recently used first. */
  #idleOnes(): Keepable[] {
    return this.#oldestFirst().filter(one => one.idle && !this.#leaving.has(one.name))
  }

  #toCandidate(instance: Keepable, now: number): Candidate & { instance: Keepable } {
    const { name, wakeCost, visits, frozen, freezeAfter, lastUsed } = instance
    const seen = this.#idle.get(name)
    return {
      instance,
      bytes: this.#charges.get(name) ?? 0,
      wakeCost,
      idleFor: seen?.lastUsed === lastUsed ? now - (seen?.since ?? now) : 0,
      visits,
      frozen,
      freezable: freezeAfter !== undefined,
    }
  }

  /** ms for which every sweep saw it idle, and unused in between; -1 when this one does not. */
  #idleFor({ name, idle, lastUsed }: Keepable, now: number): number {
    const seen = this.#idle.get(name)
    if (idle && seen && seen.lastUsed === lastUsed) return now - seen.since
    if (idle) this.#idle.set(name, { lastUsed, since: now })
    else this.#idle.delete(name)
    return -1
  }

  #dismiss(instance: Keepable, move: () => Promise<unknown>): void {
    this.#moves++
    this.#leaving.add(instance.name)
    // The instance itself records why it failed; here only its place in the order matters.
    move()
      .catch(() => {
        this.#prepares = false
      })
      .finally(() => {
        this.#leaving.delete(instance.name)
        this.#unhurried.delete(instance)
        this.poke()
      })
  }

  #oldestFirst(): Keepable[] {
    return [...this.#up.rvalues()].filter(instance => instance !== undefined)
  }

  /** As many yield as do at one time. */
  get #isBusy(): boolean {
    return this.#leaving.size >= leavingAtOnce
  }

  /** Bytes that will be free. @param but one that does not count */
  #leavingBytes(but?: string): number {
    let sum = 0
    for (const name of this.#leaving) if (name !== but) sum += this.#charges.get(name) ?? 0
    return sum
  }

  #chargeFor(name: string, bytes: number): void {
    this.#used += bytes - (this.#charges.get(name) ?? 0)
    this.#charges.set(name, bytes)
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

const yes = () => true
const no = () => false
