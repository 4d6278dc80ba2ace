import { type Container, EngineUnavailable, NotFound } from '../engine/engine.ts'
import { messageOf, Problem } from '../problem.ts'
import type { Launch } from '../store/records.ts'
import type { Keepable } from './keeper.ts'
import type { WakeInfo, WakePart } from './lease.ts'
import { Pace } from './pace.ts'
import type { Parts } from './parts.ts'
import * as problems from './problems.ts'
import type { EffectiveSettings } from './settings.ts'
import type { Settling } from './settling.ts'
import { awaitReady, type Running, StartFailed, wake } from './wake.ts'

/** What is charged for the memory, and told when its container has ended. */
export type Sleeper = Keepable & { died(container: string, how: string): void }

/** How an instance comes to have a container that answers. In its turn. */
export class Waking {
  readonly #parts: Parts
  readonly #settling: Settling
  readonly #sleeper: Sleeper
  #waitsForMemory = false
  /** How long its starts take; another one for what is something else. */
  pace = new Pace()

  constructor(parts: Parts, settling: Settling, sleeper: Sleeper) {
    this.#parts = parts
    this.#settling = settling
    this.#sleeper = sleeper
  }

  get waitsForMemory(): boolean {
    return this.#waitsForMemory
  }

  /**
   * Wakes the app, as `Instance.wake`.
   *
   * @param asked when, ms of `performance.now()`
   * @param options.again whether a failure that only a look at the engine can explain is tried again
   * @param options.found what a look for a leftover that has begun finds
   */
  async wake(
    asked = performance.now(),
    { again = true, found }: { again?: boolean; found?: Promise<Container | undefined> } = {},
  ): Promise<void> {
    const { context, standing, engineSide, settings, footprint } = this.#parts
    const { name } = standing
    if (standing.state === 'awake') return
    const { store, keeper } = context
    if (standing.deleted) throw problems.unknownApp(name)
    if (!store.launch(name)) throw problems.noRelease(name)
    settings.read()
    standing.become('waking')
    try {
      const left = await this.#reachable(await (found ?? engineSide.leftover()))
      // Read only now: where the container is gone, the app goes on from the newest snapshot of it.
      const launch = store.launch(name)
      if (!launch) throw problems.noRelease(name)
      // One that is there keeps its limits, whatever was set meanwhile.
      const memory = left?.limits?.memory ?? settings.now.memory
      const adopted = left?.state === 'running'
      if (adopted) this.charge(footprint.reserve(memory))
      const admitted = () => this.admit({ ...settings.now, memory })
      const running = await (left ? this.#resume(left, launch, admitted) : wake(context, launch, admitted))
      if (!adopted) this.pace.note(running.took)
      this.awake(running, adopted ? undefined : coldSince(asked, running.took))
    } catch (error) {
      const failed = coldSince(asked, error instanceof StartFailed ? error.took : undefined)
      const at = context.now()
      if (again && error instanceof NotFound && (await engineSide.imageIsBack())) {
        keeper.release(name)
        return this.wake(asked, { again: false })
      }
      const problem = await this.#failed(error)
      // The engine may have refused it for a container that a step left which was given up before.
      if (again && engineSide.unsure && !(error instanceof EngineUnavailable))
        return this.wake(asked, { again: false })
      context.wakes.note(name, failed, problem instanceof Problem ? problem.code : 'wake_failed', at)
      throw problem
    }
  }

  /** It has, or may need, so many bytes, and nobody is asked: it is there already. */
  charge(bytes: number): void {
    this.#parts.context.keeper.charge(this.#sleeper, bytes)
  }

  /** Waits until there is memory for it. @throws {Problem} 503 `no_memory` */
  async admit({ memory, wakeTimeout }: EffectiveSettings): Promise<void> {
    const { context, footprint } = this.#parts
    const { keeper, step } = context
    this.#waitsForMemory = true
    try {
      await keeper.admit(this.#sleeper, footprint.reserve(memory), wakeTimeout)
      step('wake.admitted')
    } finally {
      this.#waitsForMemory = false
    }
  }

  /** Whether there is memory for it to go on; see `Keeper.readmit`. */
  async readmit({ memory, wakeTimeout }: EffectiveSettings): Promise<boolean> {
    const { context, footprint } = this.#parts
    this.#waitsForMemory = true
    try {
      return await context.keeper.readmit(this.#sleeper, footprint.resume(memory), wakeTimeout)
    } finally {
      this.#waitsForMemory = false
    }
  }

  /** Its container answers: who waits for it is sent to it. */
  awake(running: Running, wakeInfo: WakeInfo | undefined): void {
    const { standing, engineSide, failures } = this.#parts
    engineSide.unsure = false
    failures.clear()
    standing.awake(running, wakeInfo)
    this.noticeDeath(running.container)
  }

  /** It may have ended before anybody knew that it was up. */
  noticeDeath(container: string): void {
    const how = this.#parts.context.deaths.of(container)
    if (how !== undefined) this.#sleeper.died(container, how)
  }

  /** One that runs where nobody can reach it, or is frozen for good, is put to sleep: its image can be woken. */
  async #reachable(left: Container | undefined): Promise<Container | undefined> {
    const fits = left?.state === 'running' ? left.address !== undefined : left?.state !== 'paused'
    if (!left || fits) return left
    await this.#settling.settle(left.id, 'recovery')
    this.#parts.standing.become('waking')
    return undefined
  }

  /** Goes on with the very container that holds the app's newest data. */
  async #resume(left: Container, launch: Launch, admitted: () => Promise<void>): Promise<Running> {
    const { context } = this.#parts
    if (left.state === 'running') return awaitReady(context, launch, left)
    const { found, ms } = await this.#run(left.id, admitted)
    return awaitReady(context, launch, found, [{ name: 'start', ms }])
  }

  async #run(container: string, admitted: () => Promise<void>): Promise<{ found: Container; ms: number }> {
    const { engine, starts } = this.#parts.context
    let tried = false
    try {
      return await starts(async () => {
        await admitted()
        tried = true
        const began = performance.now()
        await engine.run(container)
        return { found: await engine.container(container), ms: performance.now() - began }
      })
    } catch (error) {
      // It may be one that cannot run again; then its image can. Others have the turn to start meanwhile.
      if (tried && !(error instanceof EngineUnavailable)) await this.#settling.settle(container, 'recovery')
      throw error
    }
  }

  /** Settles a wake that failed; returns what to tell those who waited for it. */
  async #failed(error: unknown): Promise<unknown> {
    const { context, standing, engineSide, failures } = this.#parts
    const { log, keeper } = context
    const { name } = standing
    if (error instanceof StartFailed && (await this.#settling.crashed(error.container, error.message, 0)))
      return failures.problem()
    keeper.release(name)
    standing.become('asleep')
    if (error instanceof Problem) return error
    engineSide.unsure = true
    log.error('wake_failed', { app: name, error: messageOf(error) })
    if (error instanceof NotFound && (await engineSide.imageIsGone())) {
      failures.failed(messageOf(error))
      standing.become('lost')
      return problems.appLost(name, error)
    }
    return error instanceof EngineUnavailable
      ? problems.engineUnavailable(error)
      : problems.wakeFailed(name, error)
  }
}

/**
 * What is told of a wake that began with a request.
 *
 * @param asked ms of `performance.now()`
 * @param took undefined where that is not known
 */
function coldSince(asked: number, took: readonly WakePart[] | undefined): WakeInfo {
  const ms = performance.now() - asked
  if (took === undefined) return { kind: 'cold', ms }
  const queue = took.reduce((left, part) => left - part.ms, ms)
  return { kind: 'cold', ms, parts: [{ name: 'queue', ms: Math.max(queue, 0) }, ...took] }
}
