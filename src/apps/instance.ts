import { isDeepStrictEqual } from 'node:util'
import pLimit from 'p-limit'
import { CannotStart, type Container, EngineUnavailable, NotFound } from '../engine/engine.ts'
import { messageOf, Problem } from '../problem.ts'
import type { App, Launch, Snapshot, SnapshotReason } from '../store/records.ts'
import { Background } from './background.ts'
import type { Context } from './context.ts'
import { EngineSide } from './engine-side.ts'
import { type Failure, Failures } from './failures.ts'
import type { Keepable } from './keeper.ts'
import type { Forecast, Leasable, Lease, WakeInfo } from './lease.ts'
import { Leases } from './leases.ts'
import { takeLive } from './live-snapshot.ts'
import type { Next } from './next.ts'
import { Pace } from './pace.ts'
import * as problems from './problems.ts'
import { type Rules, renewed } from './rules.ts'
import { type EffectiveSettings, effectiveSettings } from './settings.ts'
import { type Asleep, fallAsleep } from './sleep.ts'
import { WaitedTooLong, Waiting } from './waiting.ts'
import { awaitReady, describeExit, joinLines, type Running, StartFailed, wake } from './wake.ts'

export type State = 'asleep' | 'waking' | 'awake' | 'falling-asleep' | 'crashed' | 'lost'

/** How long requests that run may go on once the app must stop, ms; then they are cut. */
const drainTimeout = 10_000

/**
 * An app's live container, or its absence: owns the transitions (one at a time) and the leases. Every change
 * of `state` is in this file; what the steps do is in `wake.ts` and `sleep.ts`.
 */
export class Instance implements Leasable, Keepable {
  readonly name: string
  readonly #context: Context
  readonly #line = pLimit(1)
  #state: State = 'asleep'
  #running: (Running & { since: number; leases: Leases }) | undefined
  readonly #engineSide: EngineSide
  readonly #background: Background
  readonly #failures: Failures
  readonly #waiting = new Waiting()
  #waking: Promise<void> | undefined
  #pace = new Pace()
  #looking: Promise<void> | undefined
  #waitsForMemory = false
  #deleted = false
  #lastUsed: number | undefined
  #settings: EffectiveSettings

  constructor(context: Context, name: string) {
    this.#context = context
    this.name = name
    this.#engineSide = new EngineSide(context, name)
    const { engine, log } = context
    this.#background = new Background(name, { engine, log, now: () => performance.now() })
    this.#failures = new Failures(name, context.now)
    this.#settings = this.#readSettings()
    this.#lastUsed = context.store.app(name)?.lastUsed ?? undefined
  }

  get state(): State {
    return this.#state
  }

  /** Its app is deleted or being deleted: it never wakes again. */
  get deleted(): boolean {
    return this.#deleted
  }

  get failure(): Failure | undefined {
    return this.#failures.last
  }

  /** Requests that run and requests that wait for a wake. */
  get load(): { leases: number; waiting: number } {
    return { leases: this.#running?.leases.out ?? 0, waiting: this.#waiting.count }
  }

  get idle(): boolean {
    return this.#state === 'awake' && !this.#isWanted && this.#line.pendingCount === 0
  }

  /** There are requests that keep it awake. */
  get #isWanted(): boolean {
    return (this.#running?.leases.busy ?? 0) + this.#waiting.count > 0
  }

  /** When it last woke or a lease came back, epoch ms; undefined: never. Kept across restarts as of its last sleep. */
  get lastUsed(): number | undefined {
    return this.#lastUsed
  }

  get sleepAfter(): number {
    return this.#settings.sleepAfter
  }

  get watched(): boolean {
    return this.#settings.idle !== 'requests'
  }

  async works(): Promise<boolean | undefined> {
    const { container } = this
    return container === undefined ? undefined : this.#background.works(container, this.#settings)
  }

  get rules(): Rules | undefined {
    return this.#settings.rules
  }

  /** Id of the live container, for reading its log. */
  get container(): string | undefined {
    return this.#running?.container
  }

  /** Settings were changed in the store: the ones that concern waiting and idleness apply at once. */
  settingsChanged(): void {
    this.#settings = this.#readSettings()
  }

  lease(): Lease | undefined {
    const running = this.#running
    if (running === undefined) return undefined
    if (this.#state === 'falling-asleep' && running.leases.cancel()) this.#become('awake')
    if (this.#state !== 'awake') return undefined
    this.#context.keeper.touch(this.name)
    return running.leases.take()
  }

  quietLease(): Lease | undefined {
    if (this.#state === 'lost') throw problems.appLost(this.name, undefined)
    if (this.#state === 'crashed') throw this.#failures.problem()
    return this.#state === 'awake' ? this.#running?.leases.takeQuietly() : undefined
  }

  get forecast(): Forecast {
    const { expected } = this.#pace
    return { state: this.#waitsForMemory ? 'waiting-for-memory' : this.#state, expected }
  }

  async acquire(signal: AbortSignal): Promise<Lease> {
    const at = this.lease()
    if (at) return at
    const { maxWaiting: max, wakeTimeout: timeout } = this.#settings
    if (this.#waiting.count >= max) throw problems.queueFull(this.name, max)
    try {
      return await this.#waiting.until(
        () => this.lease(),
        () => this.#wakeOrWait(),
        { signal, timeout },
      )
    } catch (error) {
      if (!(error instanceof WaitedTooLong)) throw error
      throw this.#waitsForMemory ? problems.noMemory() : problems.wakeTimeout(this.name, timeout)
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
    return this.#inTurn(() => this.#fallAsleep(reason, { cancellable: reason !== 'shutdown' }))
  }

  /** Sleeps and wakes at once, so that changed settings and environment apply. Requests are held meanwhile. */
  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#fallAsleep('restart', { cancellable: false })
      await this.#wakeNow()
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
      const running = this.#running
      if (!running) {
        const left = await this.#engineSide.leftover()
        if (left) await this.#settle(left.id, 'recovery')
        return undefined
      }
      try {
        return await read(running.container)
      } catch (error) {
        // Once the engine is back, it is looked whether the container runs.
        if (error instanceof EngineUnavailable) throw problems.engineUnavailable(error)
        if ((await this.#engineSide.stateOf(running.container)) === 'running') throw error
        // It ended meanwhile, or stayed frozen, where requests would hang: the disk is kept as it is.
        const how = 'it ended while its disk was read'
        await this.#crashed(running.container, how, performance.now() - running.since)
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
    return this.#inTurn(async () => {
      const { store, keeper, log } = this.#context
      const wasAwake = this.#state === 'awake'
      this.#engineSide.unsure = true
      await this.#fallAsleep(reason, { cancellable: false })
      const app = store.app(this.name)
      if (!app || this.#deleted) throw problems.unknownApp(this.name)
      let next: Next | undefined
      try {
        next = await prepare(app)
        const { release, image, size } = next
        const trial: Launch = {
          app: { ...app, generation: app.generation + 1, release: release.number },
          release,
          image,
          size,
          env: store.env(this.name),
        }
        this.#become('waking')
        await this.#admit(effectiveSettings(this.#context.config, app.settings, release.spec))
        const pace = new Pace()
        const running = await pace.timed(() => this.#try(trial))
        await next.flushed
        next.commit()
        const settings = this.#readSettings()
        this.#settings = { ...settings, rules: renewed(settings.rules) }
        this.#failures.forget()
        this.#pace = pace
        this.#awake(running, undefined)
      } catch (error) {
        // Whatever is left of the trial is of a generation that the store never had.
        this.#engineSide.unsure = true
        await this.#engineSide
          .leftover()
          .catch(again => log.warn('trial_not_removed', { app: this.name, error: messageOf(again) }))
        await next
          ?.discard()
          .catch(again => log.warn('image_not_removed', { app: this.name, error: messageOf(again) }))
        keeper.release(this.name)
        this.#become('asleep')
        if (wasAwake) {
          await this.#wakeNow().catch(again =>
            log.error('old_release_not_back', { app: this.name, error: messageOf(again) }),
          )
        }
        throw error
      }
    })
  }

  /**
   * Stops answering and removes the container, without keeping what it wrote. The store's tombstone must be
   * set before; should the removal fail, it can be asked again.
   */
  async abandon(): Promise<void> {
    this.#deleted = true
    await this.#inTurn(async () => {
      await this.#drainLeases({ cancellable: false, timeout: 0 })
      this.#engineSide.unsure = true
      try {
        await this.#engineSide.leftover()
      } finally {
        this.#asleep()
      }
    })
  }

  /** Brings this instance together with a container of its app that it does not know of, if the engine has one. */
  recover(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running || this.#deleted) return
      this.#engineSide.unsure = true
      const left = await this.#engineSide.leftover()
      if (!left) return
      if (left.state === 'running') await this.#wakeNow()
      else await this.#settle(left.id, 'recovery')
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
    const container = this.#running?.container
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
    const running = this.#running
    if (running?.container !== container || this.#state !== 'awake') return
    await this.#inTurn(async () => {
      if (this.#running !== running) return
      const state = await this.#engineSide.stateOf(container)
      if (state === 'running') return
      // Nobody is sent to it any more, and who waits for a connection to it is held for the next.
      this.#become('falling-asleep')
      running.leases.ended()
      const ranFor = performance.now() - running.since
      // Where a request met it before the event that will tell how it ended, its container does.
      const seen = how !== undefined || (state === 'exited' && this.#context.deaths.heardSince(running.since))
      const message = seen ? await this.#howItDied(container, how) : undefined
      this.#context.log.warn('app_died', { app: this.name, how: message ?? 'nobody saw it end' })
      if (message === undefined) await this.#settle(container, 'recovery')
      else await this.#crashed(container, message, ranFor)
    })
  }

  /** An event tells an exit code, only the container whether it was killed for memory. */
  async #howItDied(container: string, told: string | undefined): Promise<string | undefined> {
    const exit = await this.#context.engine.wait(container, AbortSignal.timeout(5_000)).catch(() => undefined)
    return exit && (exit.oomKilled || told === undefined) ? describeExit(exit) : told
  }

  #wakeOrWait(): Promise<void> {
    if (this.#deleted) throw problems.unknownApp(this.name)
    if (this.#state === 'crashed') this.#failures.refuseWhileHeldBack()
    return this.#wakeShared()
  }

  /** N requests to a sleeping app cause one wake (I6). */
  #wakeShared(): Promise<void> {
    const asked = performance.now()
    this.#waking ??= this.#inTurn(() => this.#wakeNow(asked)).finally(() => {
      this.#waking = undefined
    })
    return this.#waking
  }

  /** @param again whether a failure that only a look at the engine can explain is tried again */
  async #wakeNow(asked = performance.now(), again = true): Promise<void> {
    if (this.#state === 'awake') return
    const { store, keeper } = this.#context
    if (this.#deleted) throw problems.unknownApp(this.name)
    if (!store.launch(this.name)) throw problems.noRelease(this.name)
    this.#settings = this.#readSettings()
    this.#become('waking')
    try {
      const left = await this.#engineSide.leftover()
      // Read only now: where the container is gone, the app goes on from the newest snapshot of it.
      const launch = store.launch(this.name)
      if (!launch) throw problems.noRelease(this.name)
      if (left?.state === 'running') keeper.charge(this, this.#settings.memory)
      else await this.#admit(this.#settings)
      const adopted = left?.state === 'running'
      const start = () => (left ? this.#resume(left, launch) : wake(this.#context, launch))
      const running = await (adopted ? start() : this.#pace.timed(start))
      this.#awake(running, adopted ? undefined : { kind: 'cold', ms: performance.now() - asked })
    } catch (error) {
      if (again && error instanceof NotFound && (await this.#engineSide.imageIsBack())) {
        keeper.release(this.name)
        return this.#wakeNow(asked, false)
      }
      const problem = await this.#wakeFailed(error)
      // The engine may have refused it for a container that a step left which was given up before.
      if (again && this.#engineSide.unsure && !(error instanceof EngineUnavailable))
        return this.#wakeNow(asked, false)
      throw problem
    }
  }

  async #admit({ memory, wakeTimeout }: EffectiveSettings): Promise<void> {
    this.#waitsForMemory = true
    try {
      await this.#context.keeper.admit(this, memory, wakeTimeout)
      this.#context.step('wake.admitted')
    } finally {
      this.#waitsForMemory = false
    }
  }

  /** Goes on with the very container that holds the app's newest data. */
  async #resume(left: Container, launch: Launch): Promise<Running> {
    const { engine, starts } = this.#context
    if (left.state === 'running') return awaitReady(this.#context, launch, left)
    const found = await starts(async () => {
      await engine.run(left.id)
      return engine.container(left.id)
    }).catch(async error => {
      // It may be one that cannot run again (it was paused); then its image can.
      if (!(error instanceof EngineUnavailable)) await this.#settle(left.id, 'recovery')
      throw error
    })
    return awaitReady(this.#context, launch, found)
  }

  /** Settles a wake that failed; returns what to tell those who waited for it. */
  async #wakeFailed(error: unknown): Promise<unknown> {
    const { log, keeper } = this.#context
    if (error instanceof StartFailed && (await this.#crashed(error.container, error.message, 0)))
      return this.#failures.problem()
    keeper.release(this.name)
    this.#become('asleep')
    if (error instanceof Problem) return error
    this.#engineSide.unsure = true
    log.error('wake_failed', { app: this.name, error: messageOf(error) })
    if (error instanceof NotFound && (await this.#engineSide.imageIsGone())) {
      this.#failures.failed(messageOf(error))
      this.#become('lost')
      return problems.appLost(this.name, error)
    }
    return error instanceof EngineUnavailable
      ? problems.engineUnavailable(error)
      : problems.wakeFailed(this.name, error)
  }

  async #fallAsleep(
    reason: SnapshotReason,
    options: { cancellable: boolean },
  ): Promise<Snapshot | undefined> {
    if (this.#running) {
      // A request came in between the keeper's choice and now.
      if ((reason === 'idle' || reason === 'memory') && this.#isWanted)
        throw problems.sleepCancelled(this.name)
      const outcome = await this.#drainLeases({ ...options, timeout: drainTimeout })
      if (outcome === 'cancelled') throw problems.sleepCancelled(this.name)
      this.#context.step('sleep.drained')
    }
    const container = this.#running?.container ?? (await this.#engineSide.leftover())?.id
    if (container === undefined) return undefined
    return (await this.#settle(container, reason)).snapshot
  }

  /** Runs the order that cannot lose data; if it fails, the container stays and is looked for before the next step. */
  async #settle(container: string, reason: SnapshotReason): Promise<Asleep & { gone?: true }> {
    const began = performance.now()
    const ranFor = this.#running ? began - this.#running.since : 0
    try {
      const asleep = await fallAsleep(this.#context, this.name, container, reason, {
        lastUsed: this.#lastUsed,
        stopped: () => this.#context.keeper.release(this.name),
      })
      await this.#context
        .compactIfUrgent(this.name)
        .catch(error =>
          this.#context.log.error('compaction_failed', { app: this.name, error: messageOf(error) }),
        )
      this.#asleep()
      this.#failures.slept(ranFor)
      const ms = Math.round(performance.now() - began)
      this.#context.log.info('asleep', { app: this.name, reason, ms, snapshot: asleep.snapshot?.number })
      return asleep
    } catch (error) {
      const gone = await this.#engineSide.isGone(container)
      this.#asleep()
      if (gone) {
        // The app goes on from its last snapshot.
        this.#engineSide.containerIsGone()
        this.#context.log.warn('container_gone', { app: this.name, container, error: messageOf(error) })
        return { snapshot: undefined, lastLines: [], gone: true }
      }
      this.#context.log.error('sleep_failed', { app: this.name, container, error: messageOf(error) })
      this.#failures.failed(`it could not be put to sleep, its container stays: ${messageOf(error)}`)
      this.#engineSide.unsure = true
      throw error
    }
  }

  /** False when somebody has removed the container, which is no failure of the app. */
  async #crashed(container: string, message: string, ranFor: number): Promise<boolean> {
    // Nobody is sent to it any more.
    this.#become('falling-asleep')
    const asleep = await this.#settle(container, 'crash').catch(() => undefined)
    if (asleep?.gone) return false
    this.#failures.crashed(message, asleep?.lastLines ?? [], ranFor)
    this.#become('crashed')
    return true
  }

  /** Refuses new leases and waits until none is out; what still runs after `timeout` ms is cut. */
  async #drainLeases(options: { cancellable: boolean; timeout: number }): Promise<'drained' | 'cancelled'> {
    if (!this.#running) return 'drained'
    this.#become('falling-asleep')
    return this.#running.leases.drain(options)
  }

  #awake(running: Running, wakeInfo: WakeInfo | undefined): void {
    const leases = new Leases(running.upstream, wakeInfo, () => {
      this.#lastUsed = this.#context.now()
      this.#context.keeper.poke()
    })
    this.#engineSide.unsure = false
    this.#failures.clear()
    this.#lastUsed = this.#context.now()
    this.#running = { ...running, since: performance.now(), leases }
    this.#become('awake')
    this.#context.log.info('awake', { app: this.name, ms: wakeInfo && Math.round(wakeInfo.ms) })
    // Its port answered, and it ended before this line was reached.
    const how = this.#context.deaths.of(running.container)
    if (how !== undefined) this.died(running.container, how)
  }

  #asleep(): void {
    this.#running = undefined
    this.#engineSide.unsure = false
    this.#context.keeper.release(this.name)
    this.#become('asleep')
  }

  /** One transition at a time. Whatever came of it, a wake that waits for memory may go on now. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    return this.#line(step).finally(() => this.#context.keeper.poke())
  }

  #become(state: State): void {
    if (this.#state === state) return
    this.#state = state
    this.#context.changes.emit('change', this.name)
  }

  #readSettings(): EffectiveSettings {
    const { config, store } = this.#context
    const own = store.app(this.name)?.settings ?? {}
    const settings = effectiveSettings(config, own, store.launch(this.name)?.release.spec)
    // There are none before the first reading.
    const before = this.#settings?.rules
    return isDeepStrictEqual(settings.rules, before) ? { ...settings, rules: before } : settings
  }

  /** Starts what the app is to be next; once more where somebody removes it, for nobody was sent to it yet. */
  async #try(trial: Launch, again = true): Promise<Running> {
    try {
      return await wake(this.#context, trial)
    } catch (error) {
      if (again && (await this.#engineSide.wasRemoved(error))) return this.#try(trial, false)
      throw await this.#notReady(error)
    }
  }

  async #notReady(error: unknown): Promise<unknown> {
    if (error instanceof StartFailed) {
      const lines = await this.#context.logs.collect(this.name, error.container).catch(() => [])
      return problems.releaseNotReady(error.message, joinLines(lines), error)
    }
    const ofItself = error instanceof CannotStart || error instanceof NotFound
    return ofItself ? problems.releaseNotReady(error.message, '', error) : error
  }
}
