import { CannotStart, NotFound } from '../engine/engine.ts'
import { messageOf } from '../problem.ts'
import type { App, Launch, SnapshotReason } from '../store/records.ts'
import type { Next } from './next.ts'
import { Pace } from './pace.ts'
import type { Parts } from './parts.ts'
import * as problems from './problems.ts'
import { effectiveSettings } from './settings.ts'
import type { Settling } from './settling.ts'
import { joinLines, type Running, StartFailed, wake } from './wake.ts'
import type { Waking } from './waking.ts'

/** How an instance goes on as something else: another release, another disk. In its turn. */
export class Succession {
  readonly #parts: Parts
  readonly #settling: Settling
  readonly #waking: Waking

  constructor(parts: Parts, settling: Settling, waking: Waking) {
    this.#parts = parts
    this.#settling = settling
    this.#waking = waking
  }

  /** See `Instance.goOnAs`. */
  async goOnAs(reason: SnapshotReason, prepare: (app: App) => Promise<Next>): Promise<void> {
    const { context, standing, engineSide, failures, settings } = this.#parts
    const { name } = standing
    const { store } = context
    const wasAwake = standing.live !== undefined
    engineSide.unsure = true
    await this.#settling.fallAsleep(reason, { cancellable: false })
    const app = store.app(name)
    if (!app || standing.deleted) throw problems.unknownApp(name)
    let next: Next | undefined
    try {
      next = await prepare(app)
      const { release, image, size } = next
      const trial: Launch = {
        app: { ...app, generation: app.generation + 1, release: release.number },
        release,
        image,
        size,
        env: store.env(name),
      }
      standing.become('waking')
      await this.#waking.admit(effectiveSettings(context.config, app.settings, release.spec))
      const pace = new Pace()
      const running = await this.#try(trial)
      pace.note(running.took)
      await next.flushed
      next.commit()
      settings.renew()
      failures.forget()
      this.#waking.pace = pace
      this.#waking.awake(running, undefined)
    } catch (error) {
      await this.#goBack(next, wasAwake)
      throw error
    }
  }

  /** Starts what the app is to be next; once more where somebody removes it, for nobody was sent to it yet. */
  async #try(trial: Launch, again = true): Promise<Running> {
    try {
      return await wake(this.#parts.context, trial)
    } catch (error) {
      if (again && (await this.#parts.engineSide.wasRemoved(error))) return this.#try(trial, false)
      throw await this.#notReady(error)
    }
  }

  async #notReady(error: unknown): Promise<unknown> {
    if (error instanceof StartFailed) {
      const { context, standing } = this.#parts
      const lines = await context.logs.collect(standing.name, error.container).catch(() => [])
      return problems.releaseNotReady(error.message, joinLines(lines), error)
    }
    const ofItself = error instanceof CannotStart || error instanceof NotFound
    return ofItself ? problems.releaseNotReady(error.message, '', error) : error
  }

  /** Leaves nothing of what did not become ready; the app is as it was. */
  async #goBack(next: Next | undefined, wasAwake: boolean): Promise<void> {
    const { context, standing, engineSide } = this.#parts
    const { name: app } = standing
    const { keeper, log } = context
    // Whatever is left of the trial is of a generation that the store never had.
    engineSide.unsure = true
    await engineSide
      .leftover()
      .catch(error => log.warn('trial_not_removed', { app, error: messageOf(error) }))
    await next?.discard().catch(error => log.warn('image_not_removed', { app, error: messageOf(error) }))
    keeper.release(app)
    standing.become('asleep')
    if (!wasAwake) return
    await this.#waking
      .wake()
      .catch(error => log.error('old_release_not_back', { app, error: messageOf(error) }))
  }
}
