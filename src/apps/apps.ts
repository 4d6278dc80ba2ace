import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Container, Image } from '../engine/engine.ts'
import { messageOf } from '../problem.ts'
import { forgetBuildLogs } from '../releases/build-log.ts'
import type { Context } from './context.ts'
import { Instance } from './instance.ts'
import { snapshotTag } from './naming.ts'
import { notReady, unknownApp } from './problems.ts'
import { judge } from './recovery.ts'
import { toSnapshot } from './sleep.ts'

/** How long a deploy, a fork or an import waits for a host that has just started, ms. */
const startPatience = 5_000

type StrayImage = Pick<Image, 'id' | 'tags' | 'labels'>

/**
 * Every app's instance, by name: what the edge routes by, kept in memory and equal to the store. Also what
 * concerns an app as a whole: its deletion, and putting right at start what a crash left.
 */
export class Apps {
  readonly #context: Context
  readonly #instances = new Map<string, Instance>()
  readonly #deletions = new Map<string, Promise<void>>()
  readonly #claimed = new Set<string>()
  readonly #settled = Promise.withResolvers<void>()

  constructor(context: Context) {
    this.#context = context
    for (const app of context.store.apps()) this.instance(app.name)
  }

  /** Resolves once the engine and the store were brought together after the start. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /**
   * Waits a while for {@link settled}. What makes a new app or a new release waits for it: clearing up after a crash
   * removes images that the store does not name yet, and apps without a release.
   *
   * @throws {Problem} 503 `not_ready`
   */
  async whenSettled(signal?: AbortSignal): Promise<void> {
    const late = sleep(startPatience, 'late', { signal, ref: false })
    if ((await Promise.race([this.settled, late])) === 'late') throw notReady()
  }

  /** The app's instance; one method call and a Map lookup, for every request. */
  find(app: string): Instance | undefined {
    return this.#instances.get(app)
  }

  /**
   * Keeps an app, or the name of a new one, for one operation that makes it into something else, until the claim is
   * disposed of. Undefined when another has it.
   */
  claim(app: string): Disposable | undefined {
    if (this.#claimed.has(app)) return undefined
    this.#claimed.add(app)
    return { [Symbol.dispose]: () => this.#claimed.delete(app) }
  }

  /** Whether an operation has claimed the app; see {@link claim}. */
  isClaimed(app: string): boolean {
    return this.#claimed.has(app)
  }

  /** The app's instance, made if the app is new. */
  instance(app: string): Instance {
    let instance = this.#instances.get(app)
    if (!instance) {
      instance = new Instance(this.#context, app)
      this.#instances.set(app, instance)
    }
    return instance
  }

  /** @throws {Problem} 404 `unknown_app` */
  get(app: string): Instance {
    const instance = this.#instances.get(app)
    if (!instance) throw unknownApp(app)
    return instance
  }

  all(): IterableIterator<Instance> {
    return this.#instances.values()
  }

  /**
   * Deletes the app with its container, images and logs; who asks meanwhile waits for the same deletion.
   * Interrupted or failed, it is finished by the next start or by asking again.
   *
   * @throws {Problem} 404 `unknown_app`
   */
  delete(app: string): Promise<void> {
    let deletion = this.#deletions.get(app)
    if (!deletion) {
      deletion = this.#delete(app).finally(() => this.#deletions.delete(app))
      this.#deletions.set(app, deletion)
    }
    return deletion
  }

  async #delete(app: string): Promise<void> {
    const { store, engine, logs, config, now, step, wakes, overruns } = this.#context
    const instance = this.get(app)
    store.beginDelete(app, now())
    step('delete.marked')
    await instance.abandon()
    step('delete.stopped')
    for (const image of await engine.images()) {
      if (image.labels.app === app) await engine.removeImage(image.id)
    }
    step('delete.images')
    await logs.forget(app)
    await forgetBuildLogs(config.data, app)
    step('delete.files')
    // Asked for only now: a compaction or a copy may just have ended.
    for (const { image } of [...store.releases(app), ...store.snapshots(app)]) store.forgetCopy(image)
    store.removeApp(app)
    wakes.forget(app)
    overruns.forget(app)
    step('delete.forgotten')
    this.#instances.delete(app)
    this.#context.changes.emit('change', app)
  }

  /**
   * Brings what is on the engine and what is in the store together, by label: adopts instances as they are,
   * finishes or removes what a crash left, finishes deletions. Every app can be asked while it runs: its
   * requests wait for its own recovery only.
   */
  async reconcile(): Promise<void> {
    const { store, engine, log } = this.#context
    const containers = await engine.containers()
    const atOnce = pLimit(4)
    await Promise.all(
      containers.map(container =>
        (container.state === 'running'
          ? this.#reconcileOne(container)
          : atOnce(() => this.#reconcileOne(container))
        ).catch(error =>
          log.error('recovery_failed', { container: container.name, error: messageOf(error) }),
        ),
      ),
    )
    const instances = containers.filter(container => container.labels.role === 'instance')
    await this.#settleStrayImages(new Set(instances.map(container => container.labels.app)))
    for (const app of store.apps()) {
      // One without a release is what an interrupted first deploy left.
      if (app.deletedAt !== null || app.release === null) await this.#finishDeletion(app.name)
    }
    this.#settled.resolve()
  }

  /** The engine says that a container ended. */
  died(container: string, code: number): void {
    const how = `it ended with exit code ${code}`
    this.#context.deaths.note(container, how)
    for (const instance of this.all()) instance.died(container, how)
  }

  /** The engine says that a container runs where nobody can reach it any more. */
  cutOff(container: string): void {
    for (const instance of this.all()) instance.died(container)
  }

  /** The engine says that a process of an app was killed for want of memory. */
  ranOut(app: string): void {
    this.find(app)?.resources.reachedLimit('killed')
  }

  /** Whether the engine's events are heard from now on. */
  hears(hearing: boolean): void {
    this.#context.deaths.hears(hearing)
  }

  /**
   * Events may have been missed, and calls that were given up may have worked: looks which instances still run,
   * has containers that no instance knows of recovered, and tries failed deletions again.
   */
  async look(): Promise<void> {
    const { engine, store, log } = this.#context
    const containers = await engine.containers()
    const found = new Map(containers.map(one => [one.id, one]))
    for (const instance of this.all()) {
      const { container } = instance
      if (container === undefined) continue
      const { state, address } = found.get(container) ?? {}
      if (state !== (instance.frozen ? 'paused' : 'running') || address === undefined)
        instance.died(container)
    }
    for (const { id, labels, name } of containers) {
      const instance = this.find(labels.app)
      if (labels.role !== 'instance' || !instance || instance.container === id) continue
      void instance
        .recover()
        .catch(error => log.error('recovery_failed', { container: name, error: messageOf(error) }))
    }
    for (const app of store.apps()) if (app.deletedAt !== null) void this.#finishDeletion(app.name)
  }

  async #finishDeletion(app: string): Promise<void> {
    await this.delete(app).catch(error =>
      this.#context.log.error('deletion_failed', { app, error: messageOf(error) }),
    )
  }

  async #reconcileOne(container: Container): Promise<void> {
    const { engine, log, store } = this.#context
    const { role, app } = container.labels
    if (role === 'build') return engine.remove(container.id)
    const instance = this.find(app)
    if (instance) return instance.recover()
    if (judge(container, store.app(app)) === 'leave') {
      log.warn('unknown_container_left_alone', { container: container.name, app })
    }
  }

  /** Settles images that no release and no snapshot names: what a crash left between a commit and the store's transaction. */
  async #settleStrayImages(withContainer: ReadonlySet<string>): Promise<void> {
    const { engine, store } = this.#context
    const images = await engine.images()
    const named = store.images()
    for (const image of images) {
      if (image.tags.some(tag => named.has(tag))) continue
      // Looked at again in the app's turn: until then it may be what a sleep that goes on has just made.
      if (!this.#isStray(image)) continue
      await this.find(image.labels.app)?.undisturbed(async () => {
        if (this.#isStray(image)) await this.#settleStrayImage(image, withContainer.has(image.labels.app))
      })
    }
  }

  #isStray({ tags, labels }: StrayImage): boolean {
    const { store } = this.#context
    if (!store.app(labels.app)) return false
    const named = [...store.releases(labels.app), ...store.snapshots(labels.app)]
    return !named.some(({ image }) => tags.includes(image))
  }

  /**
   * Where there was a container, that is the truth and the image goes; where there was none, the image is the last
   * copy of what the app wrote (I5) and becomes its snapshot.
   */
  async #settleStrayImage({ id, tags, labels }: StrayImage, hadContainer: boolean): Promise<void> {
    const { store, engine, log, now } = this.#context
    const app = store.app(labels.app)
    if (!app) return
    const number = store.nextSnapshot(app.name)
    const tag = snapshotTag(store.hostId, app.name, number)
    const isNext = labels.generation === app.generation + 1 && labels.release === app.release
    if (isNext && tags.includes(tag) && !hadContainer) {
      if (this.find(app.name)?.container !== undefined) {
        log.warn('snapshot_left_alone', { app: app.name, image: tag })
        return
      }
      const launch = store.launch(app.name)
      if (!launch) return
      const { generation } = labels
      store.addSnapshot(
        toSnapshot(launch, await engine.image(id), {
          number,
          generation,
          reason: 'recovery',
          tag,
          at: now(),
        }),
      )
      log.warn('snapshot_recovered', { app: app.name, snapshot: number })
      return
    }
    await engine
      .removeImage(id)
      .catch(error => log.warn('image_not_removed', { image: id, error: messageOf(error) }))
  }
}
