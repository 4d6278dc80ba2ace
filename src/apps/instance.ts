import { setImmediate as immediate } from 'node:timers/promises'
import pLimit from 'p-limit'
import { EngineUnavailable } from '../engine/engine.ts'
import { messageOf } from '../problem.ts'
import type { App, Snapshot, SnapshotReason } from '../store/records.ts'
import { Background } from './background.ts'
import type { Context } from './context.ts'
import { CurrentSettings } from './current-settings.ts'
import { EngineSide } from './engine-side.ts'
import { type Failure, Failures } from './failures.ts'
import { Footprint } from './footprint.ts'
import { Freezing } from './freezing.ts'
import type { FreezeReason, Keepable } from './keeper.ts'
import type { Forecast, Leasable, Lease } from './lease.ts'
import { takeLive } from './live-snapshot.ts'
import type { Next } from './next.ts'
import type { Parts } from './parts.ts'
import * as problems from './problems.ts'
import { Resources } from './resources.ts'
import type { Rules } from './rules.ts'
import { Settling } from './settling.ts'
import { Standing, type State } from './standing.ts'
import { Succession } from './succession.ts'
import { WaitedTooLong, Waiting } from './waiting.ts'
import { Waking } from './waking.ts'

/**
 * An app's live container, or its absence: what the others ask for, given to one after the other. How it stands is in
 * `standing.ts`; the transitions are in `waking.ts`, `settling.ts` and `succession.ts`, and only one goes on at a time.
 */
export class Instance implements Leasable, Keepable {
  readonly name: string
  readonly resources: Resources
  readonly #context: Context
  readonly #line = pLimit(1)
  readonly #standing: Standing
  readonly #settings: CurrentSettings
  readonly #engineSide: EngineSide
  readonly #failures: Failures
  readonly #settling: Settling
  readonly #waking: Waking
  readonly #freezing: Freezing
  readonly #succession: Succession
  readonly #background: Background
  readonly #waiting = new Waiting()
  #wake: Promise<void> | undefined
  #looking: Promise<void> | undefined

  constructor(context: Context, name: string) {
    this.#context = context
    this.name = name
    const { engine, log } = context
    this.#standing = new Standing(context, name)
    this.#settings = new CurrentSettings(context, name)
    this.#engineSide = new EngineSide(context, name)
    this.#failures = new Failures(name, context)
    const parts: Parts = {
      context,
      standing: this.#standing,
      settings: this.#settings,
      engineSide: this.#engineSide,
      failures: this.#failures,
      footprint: new Footprint(context, name),
    }
    this.resources = new Resources(parts)
    this.#settling = new Settling(parts)
    this.#waking = new Waking(parts, this.#settling, this)
    this.#freezing = new Freezing(parts, this.#settling, this.#waking)
    this.#succession = new Succession(parts, this.#settling, this.#waking)
    this.#background = new Background(name, { engine, log, now: () => performance.now() })
  }

  get state(): State {
    return this.#standing.state
  }

  /** Its app is deleted or being deleted: it never wakes again. */
  get deleted(): boolean {
    return this.#standing.deleted
  }

  get failure(): Failure | undefined {
    return this.#failures.last
  }

  /** Requests that run and requests that wait for a wake. */
  get load(): { leases: number; waiting: number } {
    return { leases: this.#standing.live?.leases.out ?? 0, waiting: this.#waiting.count }
  }

  get idle(): boolean {
    return this.#isUp && !this.#isWanted && this.#line.pendingCount === 0
  }

  get frozen(): boolean {
    return this.state === 'frozen'
  }

  get #isUp(): boolean {
    return this.state === 'awake' || this.frozen
  }

  /** There are requests that keep it awake. */
  get #isWanted(): boolean {
    return (this.#standing.live?.leases.busy ?? 0) + this.#waiting.count > 0
  }

  /** When it last woke or a lease came back, epoch ms; undefined: never. Kept across restarts as of its last sleep. */
  get lastUsed(): number | undefined {
    return this.#standing.lastUsed
  }

  get sleepAfter(): number {
    return this.#settings.now.sleepAfter
  }

  get freezeAfter(): number | undefined {
    return this.#freezing.possible ? this.#settings.now.freezeAfter : undefined
  }

  /** It is set that it is not to be frozen. */
  get isNeverFrozen(): boolean {
    return this.#settings.now.freeze === 'off'
  }

  get watched(): boolean {
    return !this.frozen && this.#settings.now.idle !== 'requests'
  }

  get visits(): number {
    return this.#standing.visits.of(performance.now())
  }

  get wakeCost(): number | undefined {
    return this.#waking.pace.expected
  }

  async works(): Promise<boolean | undefined> {
    const { container } = this
    return container === undefined ? undefined : this.#background.works(container, this.#settings.now)
  }

  get rules(): Rules | undefined {
    return this.#settings.now.rules
  }

  /** Id of the live container, for reading its log. */
  get container(): string | undefined {
    return this.#standing.live?.container
  }

  /** Settings were changed in the store: the ones that concern waiting and idleness apply at once. */
  settingsChanged(): void {
    this.#settings.read()
  }

  /** The store has what it is made of: it is new, and a fork or an import. */
  filled(): void {
    this.#settings.read()
    this.resources.read()
  }

  lease(): Lease | undefined {
    return this.#standing.lease()
  }

  quietLease(): Lease | undefined {
    if (this.state === 'lost') throw problems.appLost(this.name, undefined)
    if (this.state === 'crashed') throw this.#failures.problem()
    return this.#standing.quietLease()
  }

  get forecast(): Forecast {
    const { waitsForMemory, pace } = this.#waking
    const { state, live } = this.#standing
    const thaws = live !== undefined && (state === 'frozen' || state === 'waking')
    // A wake begins with a look at what the engine has of it.
    const now = state === 'asleep' && this.#wake ? 'waking' : state
    return {
      state: waitsForMemory ? 'waiting-for-memory' : now,
      expected: thaws ? undefined : pace.expected,
    }
  }

  async acquire(signal: AbortSignal): Promise<Lease> {
    const at = this.lease()
    if (at) return at
    const { maxWaiting: max, wakeTimeout: timeout } = this.#settings.now
    if (this.#waiting.count >= max) throw problems.queueFull(this.name, max)
    try {
      return await this.#waiting.until(
        () => this.lease(),
        () => this.#wakeOrWait(),
        { signal, timeout },
      )
    } catch (error) {
      if (!(error instanceof WaitedTooLong)) throw error
      throw this.#waking.waitsForMemory ? problems.noMemory() : problems.wakeTimeout(this.name, timeout)
    } finally {
      if (this.#waiting.count === 0) this.#context.keeper.poke()
    }
  }

  /** Wakes the app, also one that is held back after a crash; resolves when it is awake. */
  wake(): Promise<void> {
    return this.#wakeShared()
  }

  /**
   * Puts the app to sleep; resolves when no container is left, with the snapshot if anything changed. Requests
   * that run are given time to end; one that arrives before the stop is sent cancels it.
   *
   * @throws {Problem} 409 `sleep_cancelled`
   */
  sleep(reason: SnapshotReason): Promise<Snapshot | undefined> {
    return this.#inTurn(async () => {
      // A request came in between the keeper's choice and now.
      if (this.#standing.live && (reason === 'idle' || reason === 'memory') && this.#isWanted)
        throw problems.sleepCancelled(this.name)
      // Those for whom it has just woken are let go first, and drained like all others: they need not wait for two wakes.
      if (this.#waiting.count > 0) await immediate()
      return this.#settling.fallAsleep(reason, { cancellable: reason !== 'shutdown' })
    })
  }

  /**
   * Stops the app where it is; resolves when it is frozen and its memory given back. The next request has it go on.
   *
   * @throws {Problem} 409 `freeze_refused` when it is in use or not awake
   */
  async freeze(reason: FreezeReason): Promise<void> {
    await this.#inTurn(() => {
      // A request came in between the choice and now.
      if (this.#isWanted) throw problems.freezeRefused(this.name, 'awake')
      return this.#freezing.freeze(reason)
    })
    await this.#freezing.reclaimed
  }

  /** Sleeps and wakes at once, so that changed settings and environment apply. Requests are held meanwhile. */
  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#settling.fallAsleep('restart', { cancellable: false })
      await this.#waking.wake()
    })
  }

  /**
   * Takes a snapshot of the running app, which is frozen for as long as its disk is read. Undefined when it does not
   * run, or has written nothing since it woke: then its current snapshot is all there is.
   */
  snapshot(reason: SnapshotReason): Promise<Snapshot | undefined> {
    return this.whileRunning(container => takeLive(this.#context, this.name, container, reason))
  }

  /** Reads the disk of the running app, whose container may be frozen meanwhile. Undefined when it does not run. */
  whileRunning<T>(read: (container: string) => Promise<T>): Promise<T | undefined> {
    return this.#inTurn(async () => {
      if (this.frozen) await this.#freezing.thaw(undefined)
      const { live } = this.#standing
      if (!live) {
        const left = await this.#engineSide.leftover()
        if (left) await this.#settling.settle(left.id, 'recovery')
        return undefined
      }
      try {
        return await read(live.container)
      } catch (error) {
        // Once the engine is back, it is looked whether the container runs.
        if (error instanceof EngineUnavailable) throw problems.engineUnavailable(error)
        if ((await this.#engineSide.stateOf(live.container)) === 'running') throw error
        // It ended meanwhile, or stayed frozen, where requests would hang: the disk is kept as it is.
        const how = 'it ended while its disk was read'
        await this.#settling.crashed(live.container, how, performance.now() - live.since)
        return undefined
      }
    })
  }

  /**
   * Puts the app to sleep and wakes it as something else: another release, another state. Requests are held
   * meanwhile. If that does not become ready, the app is as it was.
   *
   * @param prepare makes what is next, of the sleeping app
   * @throws {Problem} 422 `release_not_ready`
   */
  goOnAs(reason: SnapshotReason, prepare: (app: App) => Promise<Next>): Promise<void> {
    return this.#inTurn(() => this.#succession.goOnAs(reason, prepare))
  }

  /**
   * Stops answering and removes the container, without keeping what it wrote. The store's tombstone must be
   * set before; should the removal fail, it can be asked again.
   */
  abandon(): Promise<void> {
    this.#standing.deleted = true
    return this.#inTurn(() => this.#settling.abandon())
  }

  /** Brings this instance together with a container of its app that it does not know of, if the engine has one. */
  recover(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#standing.live || this.deleted) return
      this.#engineSide.unsure = true
      const left = await this.#engineSide.leftover()
      if (!left) return
      if (left.state === 'running') return this.#waking.wake()
      if (left.state === 'paused' && (await this.#freezing.adopt(left))) return
      await this.#settling.settle(left.id, 'recovery')
    })
  }

  /** Runs a step while the app makes no transition. */
  undisturbed(step: () => Promise<void>): Promise<void> {
    return this.#inTurn(step)
  }

  /**
   * A container ended: a hint, for it may be an end from before the container ran again.
   *
   * @param how undefined when nobody saw it end, as with an engine that was restarted: that is no failure of the app
   */
  died(container: string, how?: string): void {
    this.#ended(container, how).catch(error =>
      this.#context.log.error('crash_not_settled', { app: this.name, error: messageOf(error) }),
    )
  }

  /** Many requests fail at once where one does, and one look is enough for them. */
  unreachable(): Promise<void> {
    const { container } = this
    if (container === undefined) return Promise.resolve()
    this.#looking ??= this.#ended(container)
      .catch(error => {
        throw error instanceof EngineUnavailable ? problems.engineUnavailable(error) : error
      })
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async #ended(container: string, how?: string): Promise<void> {
    const { live, state } = this.#standing
    if (live?.container !== container || (state !== 'awake' && state !== 'frozen')) return
    await this.#inTurn(() => this.#settling.ended(live, how))
  }

  #wakeOrWait(): Promise<void> {
    if (this.deleted) throw problems.unknownApp(this.name)
    if (this.state === 'crashed') this.#failures.refuseWhileHeldBack()
    return this.#wakeShared()
  }

  /** N requests to a sleeping app cause one wake (I6). */
  #wakeShared(): Promise<void> {
    const asked = performance.now()
    this.#wake ??= this.#inTurn(async () => {
      const found = this.#standing.live ? undefined : this.#engineSide.leftover()
      // Should the look fail, the wake tells how.
      const left = await found?.catch(() => undefined)
      if (left?.state === 'paused') await this.#freezing.adopt(left)
      if (!this.frozen) return this.#waking.wake(asked, { found })
      if (!(await this.#freezing.thaw(asked))) await this.#waking.wake(asked)
    }).finally(() => {
      this.#wake = undefined
    })
    return this.#wake
  }

  /** One transition at a time. Whatever came of it, a wake that waits for memory may go on now. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    return this.#line(step).finally(() => this.#context.keeper.poke())
  }
}
