import { messageOf } from '../problem.ts'
import type { Snapshot, SnapshotReason } from '../store/records.ts'
import type { Parts } from './parts.ts'
import * as problems from './problems.ts'
import { type Asleep, fallAsleep } from './sleep.ts'
import type { Live } from './standing.ts'
import { describeExit } from './wake.ts'

/** How long requests that run may go on once the app must stop, ms; then they are cut. */
const drainTimeout = 10_000

/** How an instance comes to have no container: it falls asleep, its container ended, or its app goes. In its turn. */
export class Settling {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Puts the app to sleep, as `Instance.sleep`. @throws {Problem} 409 `sleep_cancelled` */
  async fallAsleep(reason: SnapshotReason, options: { cancellable: boolean }): Promise<Snapshot | undefined> {
    const { context, standing, engineSide } = this.#parts
    if (standing.live) {
      const outcome = await standing.drain({ ...options, timeout: drainTimeout })
      if (outcome === 'cancelled') throw problems.sleepCancelled(standing.name)
      context.step('sleep.drained')
    }
    const container = standing.live?.container ?? (await engineSide.leftover())?.id
    if (container === undefined) return undefined
    return (await this.settle(container, reason)).snapshot
  }

  /** Runs the order that cannot lose data; if it fails, the container stays and is looked for before the next step. */
  async settle(container: string, reason: SnapshotReason): Promise<Asleep & { gone?: true }> {
    const { context, standing, engineSide, failures } = this.#parts
    const { name: app, live, lastUsed } = standing
    const { keeper, log } = context
    const began = performance.now()
    const ranFor = live ? began - live.since : 0
    try {
      const stopped = () => keeper.release(app)
      const asleep = await fallAsleep(context, app, container, reason, { lastUsed, stopped })
      await context
        .compactIfUrgent(app)
        .catch(error => log.error('compaction_failed', { app, error: messageOf(error) }))
      this.#asleep()
      failures.slept(ranFor)
      const ms = Math.round(performance.now() - began)
      log.info('asleep', { app, reason, ms, snapshot: asleep.snapshot?.number })
      return asleep
    } catch (error) {
      const gone = await engineSide.isGone(container)
      this.#asleep()
      if (gone) {
        // The app goes on from its last snapshot.
        engineSide.containerIsGone()
        // What it was in is of no use to anybody now.
        await context.engine.remove(container).catch(() => undefined)
        log.warn('container_gone', { app, container, error: messageOf(error) })
        return { snapshot: undefined, lastLines: [], gone: true }
      }
      log.error('sleep_failed', { app, container, error: messageOf(error) })
      failures.failed(`it could not be put to sleep, its container stays: ${messageOf(error)}`)
      engineSide.unsure = true
      throw error
    }
  }

  /**
   * The container that runs is said to have ended, or to be out of reach, and it is looked whether it is.
   *
   * @param how see `Instance.died`
   */
  async ended(live: Live, how: string | undefined): Promise<void> {
    const { context, standing, engineSide } = this.#parts
    const { container } = live
    if (standing.live?.container !== container) return
    const state = await engineSide.stateOf(container)
    if (state === 'running' || (state === 'paused' && standing.state === 'frozen')) return
    // Nobody is sent to it any more, and who waits for a connection to it is held for the next.
    standing.become('falling-asleep')
    live.leases.ended({ cutOff: state === 'cut-off' })
    const ranFor = performance.now() - live.since
    // Where a request met it before the event that will tell how it ended, its container does.
    const seen = how !== undefined || (state === 'exited' && context.deaths.heardSince(live.since))
    const message = seen ? await this.#howItDied(container, how) : undefined
    const why = message ?? (state === 'cut-off' ? 'its network is gone' : 'nobody saw it end')
    context.log.warn('app_died', { app: standing.name, how: why })
    if (message === undefined) await this.settle(container, 'recovery')
    else await this.crashed(container, message, ranFor)
  }

  /** False when somebody has removed the container, which is no failure of the app. */
  async crashed(container: string, message: string, ranFor: number): Promise<boolean> {
    const { standing, failures } = this.#parts
    // Nobody is sent to it any more.
    standing.become('falling-asleep')
    const asleep = await this.settle(container, 'crash').catch(() => undefined)
    if (asleep?.gone) return false
    failures.crashed(message, asleep?.lastLines ?? [], ranFor)
    standing.become('crashed')
    return true
  }

  /** Cuts what runs, and removes the container without keeping what it wrote: the store has a tombstone. */
  async abandon(): Promise<void> {
    const { standing, engineSide } = this.#parts
    await standing.drain({ cancellable: false, timeout: 0 })
    engineSide.unsure = true
    try {
      await engineSide.leftover()
    } finally {
      this.#asleep()
    }
  }

  #asleep(): void {
    this.#parts.footprint.ended()
    this.#parts.engineSide.unsure = false
    this.#parts.standing.asleep()
  }

  /** An event tells an exit code, only the container whether it was killed for memory. */
  async #howItDied(container: string, told: string | undefined): Promise<string | undefined> {
    const { engine } = this.#parts.context
    const exit = await engine.wait(container, AbortSignal.timeout(5_000)).catch(() => undefined)
    return exit && (exit.oomKilled || told === undefined) ? describeExit(exit) : told
  }
}
