import type { Context } from '../apps/context.ts'
import type { Instance } from '../apps/instance.ts'
import { aheadTag } from '../apps/naming.ts'
import type { Next } from '../apps/next.ts'
import { toSnapshot } from '../apps/sleep.ts'
import { type Assembled, type DiffId, EngineUnavailable, type Labels } from '../engine/engine.ts'
import { messageOf, Problem } from '../problem.ts'
import type { App, Release, Snapshot, SnapshotReason } from '../store/records.ts'
import { makeCarried, type Uploaded } from './carried-image.ts'
import { copiedLayers, copyLayers, manifestOf, nextSnapshotImage } from './images.ts'
import { baseOf } from './stack.ts'

/** As much of an instance as it takes to look at the disk of a running app. */
type Running = Pick<Instance, 'name' | 'whileRunning'>

/** An image made of the layers of a disk. */
type Ahead = { disk: readonly DiffId[]; tag: string; image: Assembled }

/**
 * Puts what an app wrote onto another release of it. All of that is done ahead, with the disk as it is while the app
 * runs, so that its requests are held for next to nothing; only if the app writes something more until it is stopped,
 * it is done once more while they are held.
 */
export class Carrying implements AsyncDisposable {
  readonly #context: Context
  readonly #to: Uploaded
  /** What is copied stays in the data folder until all is done. */
  readonly #kept: Disposable
  #ahead: Ahead | undefined

  private constructor(context: Context, to: Uploaded) {
    this.#context = context
    this.#to = to
    this.#kept = context.layers.retain()
  }

  /** Does ahead what can be done. Nothing else may make the app into something else until this is disposed of. */
  static async begin(context: Context, instance: Running, to: Uploaded): Promise<Carrying> {
    const carrying = new Carrying(context, to)
    try {
      await carrying.#prepare(instance)
      return carrying
    } catch (error) {
      await carrying[Symbol.asyncDispose]()
      throw error
    }
  }

  /**
   * Makes of the app, which sleeps now, and the release what the app is to be next.
   *
   * @param commit makes it so in the store, given the snapshot that was made, if the app has written anything
   */
  async next(
    app: App,
    reason: SnapshotReason,
    commit: (snapshot: Snapshot | undefined) => void,
  ): Promise<Next> {
    const { store, engine, now, log } = this.#context
    const { release } = this.#to
    const snapshot = app.snapshot === null ? undefined : store.snapshot(app.name, app.snapshot)
    const from = app.release === null ? undefined : store.release(app.name, app.release)
    if (!snapshot || !from || release.spec.state === 'discard') return without(release, commit)
    const ahead = await this.#takeAhead(snapshot)
    const { tag, image } = ahead ?? (await this.#carryNow(app, from, snapshot))
    log.info('state_carried', { app: app.name, release: release.number, ahead: ahead !== undefined })
    const record = toSnapshot({ app, release, size: release.size }, image, {
      number: store.nextSnapshot(app.name),
      generation: app.generation + 1,
      reason,
      tag,
      at: now(),
    })
    return {
      release,
      image: tag,
      size: image.size,
      flushed: image.flushed,
      commit: () => commit(record),
      discard: () => engine.removeImage(tag),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ahead) await this.#remove(this.#ahead.tag)
    this.#kept[Symbol.dispose]()
  }

  async #prepare(instance: Running): Promise<void> {
    const { log } = this.#context
    if (this.#to.release.spec.state === 'discard') return
    try {
      const disk = await this.#diskOf(instance)
      if (!disk) return
      await this.#makeAhead(instance.name, disk)
    } catch (error) {
      // What is told as it is would fail all the same with the app stopped; what is not may be the engine's way of
      // freezing, or room for one copy and not for two.
      if (error instanceof Problem || error instanceof EngineUnavailable) throw error
      log.warn('not_carried_ahead', { app: instance.name, error: messageOf(error) })
    }
    await this.#copyAhead(instance.name)
  }

  async #makeAhead(app: string, disk: readonly DiffId[]): Promise<void> {
    const { store, step } = this.#context
    const launch = store.launch(app)
    if (!launch) return
    const { tag, labels } = this.#named(launch.app, `r${this.#to.release.number}`)
    const image = await makeCarried(this.#context, launch.release, this.#to, disk, { tag, labels })
    this.#ahead = { disk, tag, image }
    step('carry.assembled')
  }

  /** What takes longest should it all have to be done with requests held. */
  async #copyAhead(app: string): Promise<void> {
    const { store, layers } = this.#context
    const launch = store.launch(app)
    if (!launch) return
    await copiedLayers(this.#context, app, launch.release.image)
    await copiedLayers(this.#context, app, launch.image)
    const target = await copiedLayers(this.#context, app, this.#to.release.image)
    await baseOf(layers, target.layers)
  }

  /** The layers of an app's disk as it is now, all in the data folder; undefined when it has written nothing. */
  async #diskOf(instance: Running): Promise<readonly DiffId[] | undefined> {
    const context = this.#context
    const { store } = context
    const tag = await instance.whileRunning(container => this.#preview(instance.name, container))
    const launch = store.launch(instance.name)
    if (tag === undefined) {
      if (!launch || launch.app.snapshot === null) return undefined
      return (await copiedLayers(context, instance.name, launch.image)).layers
    }
    try {
      context.step('carry.committed')
      return (await copyLayers(context, instance.name, tag)).layers
    } finally {
      await this.#remove(tag)
    }
  }

  /** Commits a running container to be looked at; the image's tag, undefined when it has written nothing. */
  async #preview(app: string, container: string): Promise<string | undefined> {
    const { store, engine } = this.#context
    const launch = store.launch(app)
    if (launch?.release.spec.state !== 'keep') return undefined
    const as = this.#named(launch.app, 'live', launch.release)
    return (await engine.commit(container, { ...as, live: true })) ? as.tag : undefined
  }

  /** The image made ahead, which is the caller's then; undefined unless it was made of the disk as it is now. */
  async #takeAhead({ app, image }: Snapshot): Promise<Ahead | undefined> {
    const ahead = this.#ahead
    if (!ahead) return undefined
    const { layers } = await manifestOf(this.#context, app, image)
    if (layers.join() !== ahead.disk.join()) return undefined
    this.#ahead = undefined
    return ahead
  }

  async #carryNow(app: App, from: Release, snapshot: Snapshot): Promise<Omit<Ahead, 'disk'>> {
    const disk = (await copyLayers(this.#context, app.name, snapshot.image)).layers
    const { tag, labels } = nextSnapshotImage(this.#context, app, this.#to.release.number)
    return { tag, image: await makeCarried(this.#context, from, this.#to, disk, { tag, labels }) }
  }

  #named(app: App, what: string, release: Release = this.#to.release): { tag: string; labels: Labels } {
    const { number, labels } = nextSnapshotImage(this.#context, app, release.number)
    return { tag: aheadTag(this.#context.store.hostId, app.name, number, what), labels }
  }

  async #remove(tag: string): Promise<void> {
    const { engine, log } = this.#context
    await engine
      .removeImage(tag)
      .catch(error => log.warn('image_not_removed', { image: tag, error: messageOf(error) }))
  }
}

/** The release alone. */
export function without(release: Release, commit: (snapshot: undefined) => void): Next {
  return {
    release,
    image: release.image,
    size: release.size,
    flushed: Promise.resolve(),
    commit: () => commit(undefined),
    discard: async () => undefined,
  }
}
