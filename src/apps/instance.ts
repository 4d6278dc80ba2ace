import { setMaxListeners } from 'node:events'
import pLimit from 'p-limit'
import { type Container, EngineUnavailable, NotFound } from '../engine/engine.ts'
import { messageOf, Problem } from '../problem.ts'
import type { Launch, Release, Snapshot, SnapshotReason } from '../store/records.ts'
import { backoff, countFailure } from './backoff.ts'
import type { Context } from './context.ts'
import type { Keepable } from './keeper.ts'
import type { Leasable, Lease, WakeInfo } from './lease.ts'
import { judge } from './recovery.ts'
import { type EffectiveSettings, effectiveSettings } from './settings.ts'
import { type Asleep, fallAsleep } from './sleep.ts'
import { awaitReady, joinLines, type Running, StartFailed, wake } from './wake.ts'

export type State = 'asleep' | 'waking' | 'awake' | 'falling-asleep' | 'crashed' | 'lost'

/** Why an app is `crashed` or `lost`, for its operator. Times are epoch ms. */
export type Failure = { at: number; message: string; lastLines: string; retryAt: number }

/** How long requests that run may go on once the app must stop, ms; then they are cut. */
const drainTimeout = 10_000

/** A falling asleep whose stop has not been sent yet. */
type Drain = { cancellable: boolean; settle: (outcome: 'drained' | 'cancelled') => void }

/**
 * An app's live container, or its absence: owns the transitions (one at a time) and the leases. Every change
 * of `state` is in this file; what the steps do is in `wake.ts` and `sleep.ts`.
 */
export class Instance implements Leasable, Keepable {
  readonly name: string
  readonly #context: Context
  readonly #line = pLimit(1)
  #state: State = 'asleep'
  #running: (Running & { since: number; revoke: AbortController }) | undefined
  /** A container that is the truth but does not run: putting it to sleep failed half-way. */
  #leftover: string | undefined
  #leases = 0
  #waiting = 0
  #drain: Drain | undefined
  #waking: Promise<void> | undefined
  #wakeInfo: WakeInfo | undefined
  #failures = 0
  #failure: Failure | undefined
  #deleted = false
  #lastUsed: number | undefined
  #settings: EffectiveSettings

  constructor(context: Context, name: string) {
    this.#context = context
    this.name = name
    this.#settings = this.#readSettings()
  }

  get state(): State {
    return this.#state
  }

  get failure(): Failure | undefined {
    return this.#failure
  }

  /** Requests that run and requests that wait for a wake. */
  get load(): { leases: number; waiting: number } {
    return { leases: this.#leases, waiting: this.#waiting }
  }

  get idle(): boolean {
    return (
      this.#state === 'awake' && this.#leases === 0 && this.#waiting === 0 && this.#line.pendingCount === 0
    )
  }

  /** When it last woke or a lease came back, epoch ms; undefined: not since the host started. */
  get lastUsed(): number | undefined {
    return this.#lastUsed
  }

  get sleepAfter(): number {
    return this.#settings.sleepAfter
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
    if (this.#state === 'falling-asleep' && this.#drain?.cancellable) this.#drain.settle('cancelled')
    const running = this.#running
    if (this.#state !== 'awake' || running === undefined) return undefined
    this.#leases++
    this.#context.keeper.touch(this.name)
    const wakeInfo = this.#wakeInfo
    this.#wakeInfo = undefined
    let out = true
    return {
      upstream: running.upstream,
      wake: wakeInfo,
      revoked: running.revoke.signal,
      release: () => {
        if (!out) return
        out = false
        this.#returned()
      },
    }
  }

  async acquire(signal: AbortSignal): Promise<Lease> {
    const at = this.lease()
    if (at) return at
    const { maxWaiting, wakeTimeout } = this.#settings
    if (this.#waiting >= maxWaiting) {
      throw new Problem({
        code: 'queue_full',
        status: 503,
        detail: `${maxWaiting} requests are already waiting for ${this.name} to wake; try again in a moment`,
        retryAfter: 2,
      })
    }
    this.#waiting++
    const deadline = AbortSignal.timeout(wakeTimeout)
    const given = AbortSignal.any([signal, deadline])
    try {
      for (;;) {
        await unlessAborted(given, this.#wakeOrWait())
        const lease = this.lease()
        if (lease) return lease
      }
    } catch (error) {
      if (!deadline.aborted || signal.aborted) throw error
      throw new Problem({
        code: 'wake_timeout',
        status: 504,
        detail: `${this.name} was not awake within ${wakeTimeout / 1000} s; try again in a moment`,
        retryAfter: 5,
      })
    } finally {
      this.#waiting--
      if (this.#waiting === 0) this.#context.keeper.poke()
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
    return this.#line(() => this.#fallAsleep(reason, { cancellable: reason !== 'shutdown' }))
  }

  /** Sleeps and wakes at once, so that changed settings and environment apply. Requests are held meanwhile. */
  restart(): Promise<void> {
    return this.#line(async () => {
      await this.#fallAsleep('restart', { cancellable: false })
      await this.#wakeNow()
    })
  }

  /**
   * Replaces the app's release, holding requests meanwhile. If the new one does not become ready, the old
   * one is back and nothing has changed.
   *
   * @param fresh drop what the app wrote itself
   * @throws {Problem} 409 `state_would_be_lost`, 422 `release_not_ready`
   */
  replace(release: Release, { fresh }: { fresh: boolean }): Promise<void> {
    return this.#line(async () => {
      const { store, engine, keeper } = this.#context
      const wasAwake = this.#state === 'awake'
      await this.#fallAsleep('deploy', { cancellable: false })
      const app = store.app(this.name)
      if (!app || this.#deleted) throw this.#gone()
      try {
        if (app.snapshot !== null && !fresh) throw stateWouldBeLost(this.name)
        const trial: Launch = {
          app: { ...app, generation: app.generation + 1, release: release.number },
          release,
          image: release.image,
          env: store.env(this.name),
        }
        const settings = effectiveSettings(this.#context.config, app.settings, release.spec)
        await keeper.admit(this, settings.memory, settings.wakeTimeout)
        this.#become('waking')
        const running = await wake(this.#context, trial)
        store.promote(release)
        this.#settings = this.#readSettings()
        this.#awake(running, { kind: 'cold', ms: 0 })
        this.#wakeInfo = undefined
      } catch (error) {
        keeper.release(this.name)
        this.#become('asleep')
        const problem = error instanceof StartFailed ? await this.#notReady(error) : error
        if (error instanceof StartFailed) await engine.remove(error.container)
        if (wasAwake) {
          await this.#wakeNow().catch(again =>
            this.#context.log.error('old_release_not_back', { app: this.name, error: messageOf(again) }),
          )
        }
        throw problem
      }
    })
  }

  /**
   * Stops answering and removes the container, without keeping what it wrote. The store's tombstone must be
   * set before.
   */
  async abandon(): Promise<void> {
    this.#deleted = true
    await this.#line(async () => {
      await this.#drainLeases({ cancellable: false, timeout: 0 })
      const container = this.#running?.container ?? this.#leftover
      if (container !== undefined) await this.#context.engine.remove(container)
      this.#asleep()
    })
  }

  /** A container of this app was found on the engine at start, or after a step of ours failed. */
  recover(container: Container): Promise<void> {
    return this.#line(() => this.#recover(container))
  }

  /** The engine says that a container ended: a hint, for it may be an end from before the container ran again. */
  died(container: string, how: string): void {
    const running = this.#running
    if (running?.container !== container || this.#state !== 'awake') return
    void this.#line(async () => {
      if (this.#running !== running || (await this.#runs(container))) return
      this.#context.log.warn('app_died', { app: this.name, how })
      await this.#crashed(container, how, this.#context.now() - running.since)
    }).catch(error =>
      this.#context.log.error('crash_not_settled', { app: this.name, error: messageOf(error) }),
    )
  }

  async #runs(container: string): Promise<boolean> {
    try {
      return (await this.#context.engine.container(container)).state === 'running'
    } catch (error) {
      if (error instanceof NotFound) return false
      throw error
    }
  }

  #wakeOrWait(): Promise<void> {
    if (this.#deleted) throw this.#gone()
    const failure = this.#failure
    const left = failure ? failure.retryAt - this.#context.now() : 0
    if (this.#state === 'crashed' && failure && left > 0) throw this.#isCrashed(failure)
    return this.#wakeShared()
  }

  /** N requests to a sleeping app cause one wake (I6). */
  #wakeShared(): Promise<void> {
    const asked = performance.now()
    this.#waking ??= this.#line(() => this.#wakeNow(asked)).finally(() => {
      this.#waking = undefined
    })
    return this.#waking
  }

  async #wakeNow(asked = performance.now()): Promise<void> {
    if (this.#state === 'awake') return
    const { store, keeper } = this.#context
    if (this.#deleted) throw this.#gone()
    const launch = store.launch(this.name)
    if (!launch) throw noRelease(this.name)
    this.#settings = effectiveSettings(this.#context.config, launch.app.settings, launch.release.spec)
    this.#become('waking')
    try {
      await keeper.admit(this, this.#settings.memory, this.#settings.wakeTimeout)
      const running =
        this.#leftover === undefined
          ? await wake(this.#context, launch)
          : await this.#resume(this.#leftover, launch)
      this.#awake(running, { kind: 'cold', ms: performance.now() - asked })
    } catch (error) {
      keeper.release(this.name)
      throw await this.#wakeFailed(error)
    }
  }

  /** Starts the very container that could not be put to sleep: it holds the app's newest data. */
  async #resume(container: string, launch: Launch): Promise<Running> {
    const { engine, starts } = this.#context
    const found = await starts(async () => {
      await engine.run(container)
      return engine.container(container)
    })
    return awaitReady(this.#context, launch, found)
  }

  /** Settles a wake that failed; returns what to tell those who waited for it. */
  async #wakeFailed(error: unknown): Promise<unknown> {
    const { log, engine, now } = this.#context
    if (error instanceof StartFailed) {
      await this.#crashed(error.container, error.message, 0)
      return this.#failure ? this.#isCrashed(this.#failure) : error
    }
    this.#become('asleep')
    if (error instanceof Problem) return error
    log.error('wake_failed', { app: this.name, error: messageOf(error) })
    if (error instanceof NotFound) {
      this.#failure = { at: now(), message: messageOf(error), lastLines: '', retryAt: now() }
      this.#become('lost')
      return new Problem({
        code: 'app_lost',
        status: 503,
        detail: `the image of ${this.name} is not on the engine any more`,
        retryAfter: 60,
        cause: error,
      })
    }
    if (error instanceof EngineUnavailable) {
      return new Problem({
        code: 'engine_unavailable',
        status: 503,
        detail: 'the container engine does not answer; try again in a moment',
        retryAfter: 5,
        cause: error,
      })
    }
    // The step may have got further than its answer: whatever container it left decides how to go on.
    const mine = (await engine.containers().catch(() => [])).find(
      found => found.labels.role === 'instance' && found.labels.app === this.name,
    )
    if (mine) await this.#recover(mine)
    return new Problem({
      code: 'wake_failed',
      status: 503,
      detail: `${this.name} could not be started; the host's log says why`,
      retryAfter: 5,
      cause: error,
    })
  }

  async #fallAsleep(
    reason: SnapshotReason,
    options: { cancellable: boolean },
  ): Promise<Snapshot | undefined> {
    const container = this.#running?.container ?? this.#leftover
    if (container === undefined) return undefined
    if (this.#running) {
      // A request came in between the keeper's choice and now.
      if ((reason === 'idle' || reason === 'memory') && this.#leases + this.#waiting > 0)
        throw sleepCancelled(this.name)
      const outcome = await this.#drainLeases({ ...options, timeout: drainTimeout })
      if (outcome === 'cancelled') throw sleepCancelled(this.name)
    }
    return (await this.#settle(container, reason)).snapshot
  }

  /** Runs the order that cannot lose data; if it fails, the container stays and is what wakes next. */
  async #settle(container: string, reason: SnapshotReason): Promise<Asleep> {
    try {
      const asleep = await fallAsleep(this.#context, this.name, container, reason, () =>
        this.#context.keeper.release(this.name),
      )
      this.#asleep()
      return asleep
    } catch (error) {
      this.#context.log.error('sleep_failed', { app: this.name, container, error: messageOf(error) })
      this.#asleep()
      this.#leftover = container
      throw error
    }
  }

  async #crashed(container: string, message: string, ranFor: number): Promise<void> {
    const asleep = await this.#settle(container, 'crash').catch(() => undefined)
    const { now } = this.#context
    this.#failures = countFailure(this.#failures, ranFor)
    this.#failure = {
      at: now(),
      message,
      lastLines: joinLines(asleep?.lastLines ?? []),
      retryAt: now() + backoff(this.#failures, ranFor),
    }
    this.#become('crashed')
  }

  async #recover(container: Container): Promise<void> {
    const { store, engine, keeper, log } = this.#context
    if (this.#running) return
    const verdict = judge(container, store.app(this.name))
    log.info('container_found', {
      app: this.name,
      container: container.name,
      state: container.state,
      verdict,
    })
    if (verdict === 'leave') return
    if (verdict === 'remove') return engine.remove(container.id)
    if (verdict === 'finish') {
      await this.#settle(container.id, 'recovery').catch(() => undefined)
      return
    }
    const launch = store.launch(this.name)
    if (!launch) return
    keeper.charge(this, this.#settings.memory)
    this.#become('waking')
    try {
      this.#awake(await awaitReady(this.#context, launch, container), undefined)
    } catch (error) {
      keeper.release(this.name)
      await this.#crashed(container.id, messageOf(error), 0)
    }
  }

  /** Refuses new leases and waits until none is out; what still runs after `timeout` ms is cut. */
  async #drainLeases({
    cancellable,
    timeout,
  }: {
    cancellable: boolean
    timeout: number
  }): Promise<'drained' | 'cancelled'> {
    const running = this.#running
    if (!running) return 'drained'
    this.#become('falling-asleep')
    if (this.#leases === 0) return 'drained'
    const { promise, resolve } = Promise.withResolvers<'drained' | 'cancelled'>()
    const timer = setTimeout(() => {
      drain.cancellable = false
      running.revoke.abort()
    }, timeout)
    const drain: Drain = {
      cancellable,
      settle: outcome => {
        clearTimeout(timer)
        this.#drain = undefined
        if (outcome === 'cancelled') this.#become('awake')
        resolve(outcome)
      },
    }
    this.#drain = drain
    return promise
  }

  #returned(): void {
    this.#leases--
    this.#lastUsed = this.#context.now()
    if (this.#leases > 0) return
    this.#drain?.settle('drained')
    this.#context.keeper.poke()
  }

  #awake(running: Running, wakeInfo: WakeInfo | undefined): void {
    const revoke = new AbortController()
    // Every lease listens to it.
    setMaxListeners(0, revoke.signal)
    this.#leftover = undefined
    this.#failure = undefined
    this.#lastUsed = this.#context.now()
    this.#running = { ...running, since: this.#context.now(), revoke }
    this.#wakeInfo = wakeInfo
    this.#become('awake')
    // Its port answered, and it ended before this line was reached.
    const how = this.#context.deaths.get(running.container)
    if (how !== undefined) this.died(running.container, how)
  }

  #asleep(): void {
    this.#running = undefined
    this.#leftover = undefined
    this.#wakeInfo = undefined
    this.#context.keeper.release(this.name)
    this.#become('asleep')
  }

  #become(state: State): void {
    if (this.#state === state) return
    this.#state = state
    this.#context.changes.emit('change', this.name)
  }

  #readSettings(): EffectiveSettings {
    const app = this.#context.store.app(this.name)
    return effectiveSettings(
      this.#context.config,
      app?.settings ?? {},
      this.#context.store.launch(this.name)?.release.spec,
    )
  }

  async #notReady(error: StartFailed): Promise<Problem> {
    const lines = await this.#context.logs.collect(this.name, error.container).catch(() => [])
    return new Problem({
      code: 'release_not_ready',
      status: 422,
      detail: `the new release did not become ready: ${error.message}; the app is as it was before`,
      data: { log: joinLines(lines) },
      cause: error,
    })
  }

  #isCrashed(failure: Failure): Problem {
    return new Problem({
      code: 'app_crashed',
      status: 503,
      detail: `${this.name} did not start: ${failure.message}`,
      data: { log: failure.lastLines },
      retryAfter: Math.max(1, Math.ceil((failure.retryAt - this.#context.now()) / 1000)),
    })
  }

  #gone(): Problem {
    return new Problem({ code: 'unknown_app', status: 404, detail: `there is no app ${this.name}` })
  }
}

function noRelease(app: string): Problem {
  return new Problem({
    code: 'no_release',
    status: 404,
    detail: `${app} has no release yet; deploy one with "dormice deploy"`,
  })
}

function sleepCancelled(app: string): Problem {
  return new Problem({
    code: 'sleep_cancelled',
    status: 409,
    detail: `a request for ${app} arrived before it was stopped, so it stays awake`,
  })
}

/** What a deploy without `fresh` says when the app has written files of its own. */
export function stateWouldBeLost(app: string): Problem {
  return new Problem({
    code: 'state_would_be_lost',
    status: 409,
    detail: `${app} has written files of its own, which a new release would drop; deploy with --fresh (?fresh=true) to drop them, its snapshots stay`,
  })
}

/** Resolves or rejects with the promise, or rejects with the signal's reason when that comes first. */
function unlessAborted(signal: AbortSignal, promise: Promise<void>): Promise<void> {
  const { promise: result, resolve, reject } = Promise.withResolvers<void>()
  const stop = () => reject(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  promise.then(resolve, reject)
  return result.finally(() => signal.removeEventListener('abort', stop))
}
