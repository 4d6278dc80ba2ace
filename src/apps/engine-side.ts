import { type Container, type ContainerState, NotFound } from '../engine/engine.ts'
import { messageOf } from '../problem.ts'
import type { Context } from './context.ts'
import { findLeftover } from './recovery.ts'
import { restoreImage } from './restore.ts'
import { StartFailed } from './wake.ts'

/** What the engine has of one app that its instance does not know by itself. */
export class EngineSide {
  readonly #context: Context
  readonly #name: string
  /**
   * The engine may have a container of the app that the instance does not run: so it is after a start of the host,
   * and after a step whose outcome is not known. Who needs to know looks first.
   */
  unsure = true

  constructor(context: Context, name: string) {
    this.#context = context
    this.#name = name
  }

  /** The container that holds the app's newest data although its instance does not run it, if there is one. */
  async leftover(): Promise<Container | undefined> {
    if (!this.unsure) return undefined
    const left = await findLeftover(this.#context, this.#name)
    if (!left) this.containerIsGone()
    return left
  }

  /** What a snapshot has that was taken while the container ran is the newest there is. */
  containerIsGone(): void {
    const { store, log } = this.#context
    this.unsure = false
    const app = store.app(this.#name)
    const live = app && store.liveSnapshot(app)
    if (!live) return
    log.warn('container_gone', { app: this.#name, goesOnFrom: live.number })
    store.settleOn(live)
  }

  /** What a container does; `cut-off`: it runs where nobody can reach it; undefined: there is none. */
  async stateOf(container: string): Promise<ContainerState | 'cut-off' | undefined> {
    try {
      const { state, address } = await this.#context.engine.container(container)
      const isUp = state === 'running' || state === 'paused'
      return isUp && address === undefined ? 'cut-off' : state
    } catch (error) {
      if (error instanceof NotFound) return undefined
      throw error
    }
  }

  /** Whether there is no such container; false when the engine cannot say. */
  isGone(container: string): Promise<boolean> {
    return isNotFound(this.#context.engine.container(container))
  }

  /** Whether a start failed because somebody removed the container meanwhile. */
  async wasRemoved(error: unknown): Promise<boolean> {
    return error instanceof NotFound || (error instanceof StartFailed && this.isGone(error.container))
  }

  /** What the engine did not find may also be a container that somebody removed in that moment. */
  async imageIsGone(): Promise<boolean> {
    const image = this.#context.store.launch(this.#name)?.image
    return image !== undefined && isNotFound(this.#context.engine.image(image))
  }

  /** The engine had lost the image (`docker image prune -a` takes it), and it could be made again. */
  async imageIsBack(): Promise<boolean> {
    const { store, log } = this.#context
    const image = store.launch(this.#name)?.image
    if (image === undefined || !(await this.imageIsGone())) return false
    return restoreImage(this.#context, image).catch(error => {
      log.error('restore_failed', { app: this.#name, image, error: messageOf(error) })
      return false
    })
  }
}

function isNotFound(question: Promise<unknown>): Promise<boolean> {
  return question.then(
    () => false,
    error => error instanceof NotFound,
  )
}
