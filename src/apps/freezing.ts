import { type Container, EngineUnavailable } from '../engine/engine.ts'
import { messageOf, Problem } from '../problem.ts'
import type { FreezeReason } from './keeper.ts'
import type { Parts } from './parts.ts'
import * as problems from './problems.ts'
import type { Settling } from './settling.ts'
import type { Waking } from './waking.ts'

/** How an instance is stopped where it is and its memory given back, and how it goes on. In its turn. */
export class Freezing {
  readonly #parts: Parts
  readonly #settling: Settling
  readonly #waking: Waking
  #reclaiming: Promise<void> | undefined
  #thawed = new AbortController()
  #hurried = new AbortController()
  /** The container that the engine would not freeze. */
  #refused: string | undefined

  constructor(parts: Parts, settling: Settling, waking: Waking) {
    this.#parts = parts
    this.#settling = settling
    this.#waking = waking
  }

  /** Whether it may be tried, and is of use. */
  get possible(): boolean {
    const { live } = this.#parts.standing
    return this.#isAllowed && (live === undefined || live.container !== this.#refused)
  }

  get #isAllowed(): boolean {
    const { freeze, freezeAfter } = this.#parts.settings.now
    return freeze === 'auto' && freezeAfter !== undefined
  }

  /** Resolves once the memory of the frozen app is given back, as far as that can be done from here. */
  get reclaimed(): Promise<void> {
    return this.#reclaiming ?? Promise.resolve()
  }

  /**
   * Freezes the awake app. Its memory is given back outside of its turn: a request that arrives meanwhile need not
   * wait for that. It is begun a moment later unless memory is short: who comes right after the freeze would find the
   * kernel at work, which cannot be stopped there. Should memory become short within that moment, it is asked again.
   *
   * @throws {Problem} 409 `freeze_refused` when a request runs, or it is not awake
   */
  async freeze(reason: FreezeReason): Promise<void> {
    const { context, standing, engineSide } = this.#parts
    const { name, live } = standing
    if (standing.state === 'frozen') {
      if (reason === 'memory') this.#hurried.abort()
      return
    }
    if (standing.state !== 'awake' || !live || live.leases.out > 0)
      throw problems.freezeRefused(name, standing.state)
    const began = performance.now()
    // From here on nobody gets a lease. Should the engine fail, a request has it thawed all the same.
    standing.become('frozen')
    await context.engine.freeze(live.container).catch(async error => {
      if (error instanceof EngineUnavailable) throw problems.engineUnavailable(error)
      if ((await engineSide.stateOf(live.container)) === 'running') {
        // The engine cannot freeze (rootless, no freezer): it goes on, and is not tried again until it has slept.
        this.#refused = live.container
        standing.become('awake')
        context.log.warn('not_frozen', { app: name, error: messageOf(error) })
        throw problems.freezeRefused(name, 'awake')
      }
      // It has ended, or somebody has removed it.
      await this.#settling.settle(live.container, 'recovery')
      throw problems.freezeRefused(name, standing.state)
    })
    context.step('freeze.frozen')
    context.log.info('frozen', { app: name, ms: Math.round(performance.now() - began) })
    this.#beginToReclaim(live.container, reason)
  }

  /**
   * Takes a container that is found frozen, as an earlier run of the host has left it, for the app's own. It is charged
   * for what it has, even where the budget is too small for that: the keeper sees to it that others, or it, yield.
   *
   * @returns false where it cannot stay as it is: nobody can reach it any more, or the app is never to be frozen
   */
  async adopt({ id, address, limits }: Container): Promise<boolean> {
    const { context, standing, engineSide, settings, failures, footprint } = this.#parts
    const spec = context.store.launch(standing.name)?.release.spec
    if (spec === undefined || address === undefined || !this.#isAllowed) return false
    const limit = limits?.memory ?? settings.now.memory
    const bytes = (await context.engine.memory([id])).get(id)
    this.#waking.charge(bytes === undefined ? footprint.reserve(limit) : footprint.kept(bytes))
    engineSide.unsure = false
    failures.clear()
    standing.foundFrozen({ container: id, upstream: { host: address, port: spec.port }, limits, took: [] })
    context.log.info('adopted_frozen', { app: standing.name, container: id })
    this.#waking.noticeDeath(id)
    // The host may have ended before that was done.
    this.#beginToReclaim(id, 'idle')
    return true
  }

  /**
   * Lets the frozen app go on.
   *
   * @param asked when, ms of `performance.now()`; undefined: by nobody, it is no visit
   * @returns false when its container has ended, or had to go for want of memory: it has to be woken
   */
  async thaw(asked: number | undefined): Promise<boolean> {
    const { context, standing, settings } = this.#parts
    const { live } = standing
    if (!live) return false
    standing.become('waking')
    // It has the limits that it was created with, whatever was set meanwhile.
    const { memory } = live.limits ?? settings.now
    if (!(await this.#waking.readmit({ ...settings.now, memory }))) {
      return this.#leave(live.container, 'memory')
    }
    const began = asked ?? performance.now()
    const queued = performance.now()
    this.#thawed.abort()
    try {
      await context.engine.thaw(live.container)
    } catch (error) {
      if (error instanceof EngineUnavailable) throw this.#notThawed(asked, problems.engineUnavailable(error))
      // It has ended, and the event that tells so comes later; whatever it is, its disk is kept.
      return this.#leave(live.container, 'recovery')
    }
    const now = performance.now()
    const parts = [
      { name: 'queue', ms: queued - began },
      { name: 'thaw', ms: now - queued },
    ] as const
    standing.thawed(asked === undefined ? undefined : { kind: 'frozen', ms: now - asked, parts })
    this.#waking.noticeDeath(live.container)
    return true
  }

  /** Its disk is kept. Should that fail, the wake that follows goes on with its container. @returns false */
  async #leave(container: string, reason: 'memory' | 'recovery'): Promise<false> {
    await this.#settling.settle(container, reason).catch(() => undefined)
    return false
  }

  /** It is frozen as before; returns what to tell those who waited for it. */
  #notThawed(asked: number | undefined, problem: unknown): unknown {
    const { context, standing, footprint } = this.#parts
    standing.become('frozen')
    // It was charged for going on.
    if (footprint.now !== undefined) context.keeper.recharge(standing.name, footprint.kept(footprint.now))
    const code = problem instanceof Problem ? problem.code : 'thaw_failed'
    if (asked !== undefined)
      context.wakes.note(standing.name, { kind: 'frozen', ms: performance.now() - asked }, code)
    return problem
  }

  #beginToReclaim(container: string, reason: FreezeReason): void {
    this.#thawed = new AbortController()
    this.#hurried = new AbortController()
    this.#reclaiming = this.#reclaim(container, reason, this.#thawed.signal)
  }

  async #lull(signal: AbortSignal): Promise<void> {
    const hurried = this.#hurried.signal
    await this.#parts.context.lull(AbortSignal.any([signal, hurried])).catch(error => {
      if (signal.aborted || !hurried.aborted) throw error
    })
  }

  async #reclaim(container: string, reason: FreezeReason, signal: AbortSignal): Promise<void> {
    const { context, standing, footprint } = this.#parts
    const { engine, keeper, log } = context
    const { name } = standing
    try {
      if (reason !== 'memory') await this.#lull(signal)
      const left = await engine.reclaim(container, signal)
      const isStill = standing.state === 'frozen' && standing.live?.container === container
      if (left !== undefined && isStill) keeper.recharge(name, footprint.kept(left))
    } catch (error) {
      if (!signal.aborted && standing.live?.container === container)
        log.warn('memory_not_reclaimed', { app: name, error: messageOf(error) })
    }
  }
}
