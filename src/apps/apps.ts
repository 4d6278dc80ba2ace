import type { Container } from '../engine/engine.ts'
import { messageOf } from '../problem.ts'
import { forgetBuildLogs } from '../releases/build-log.ts'
import type { Context } from './context.ts'
import { Instance } from './instance.ts'
import { snapshotTag } from './naming.ts'
import { unknownApp } from './problems.ts'
import { judge } from './recovery.ts'

/**
 * Every app's instance, by name: what the edge routes by, kept in memory and equal to the store. Also what
 * concerns an app as a whole: its deletion, and putting right at start what a crash left.
 */
export class Apps {
  readonly #context: Context
  readonly #instances = new Map<string, Instance>()
  readonly #settled = Promise.withResolvers<void>()

  constructor(context: Context) {
    this.#context = context
    for (const app of context.store.apps()) this.instance(app.name)
  }

  /** Resolves once the engine and the store were brought together after the start. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** The app's instance; one method call and a Map lookup, for every request. */
  find(app: string): Instance | undefined {
    return this.#instances.get(app)
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

  /** Deletes the app with its container, images and logs. Interrupted, the next start finishes it. */
  async delete(app: string): Promise<void> {
    const { store, engine, logs, config, now } = this.#context
    store.beginDelete(app, now())
    await this.get(app).abandon()
    for (const image of await engine.images()) {
      if (image.labels.app === app) await engine.removeImage(image.id)
    }
    await logs.forget(app)
    await forgetBuildLogs(config.data, app)
    store.removeApp(app)
    this.#instances.delete(app)
    this.#context.changes.emit('change', app)
  }

  /**
   * Brings what is on the engine and what is in the store together, by label: adopts running instances,
   * finishes or removes what a crash left, finishes deletions. Every app can be asked while it runs: its
   * requests wait for its own recovery only.
   */
  async reconcile(): Promise<void> {
    const { store, engine, log } = this.#context
    const containers = await engine.containers()
    const recoveries: Promise<void>[] = []
    for (const container of containers) {
      recoveries.push(
        this.#reconcileOne(container).catch(error =>
          log.error('recovery_failed', { container: container.name, error: messageOf(error) }),
        ),
      )
    }
    await Promise.all(recoveries)
    await this.#settleStrayImages(new Set(containers.map(container => container.labels.app)))
    for (const app of store.apps()) {
      // One without a release is what an interrupted first deploy left.
      if (app.deletedAt !== null || app.release === null) await this.delete(app.name)
    }
    this.#settled.resolve()
  }

  /** The engine says that a container ended. */
  died(container: string, code: number): void {
    const how = `it ended with exit code ${code}`
    // Also kept, for an instance that is just waking and does not know its container yet.
    this.#context.deaths.set(container, how)
    for (const instance of this.all()) instance.died(container, how)
  }

  /** Events may have been missed: looks which instances still run. */
  async look(): Promise<void> {
    const running = new Set(
      (await this.#context.engine.containers()).filter(c => c.state === 'running').map(c => c.id),
    )
    for (const instance of this.all()) {
      const { container } = instance
      if (container !== undefined && !running.has(container))
        instance.died(container, 'the engine stopped it')
    }
  }

  async #reconcileOne(container: Container): Promise<void> {
    const { engine, log, store } = this.#context
    const { role, app } = container.labels
    if (role === 'build') return engine.remove(container.id)
    const instance = this.find(app)
    if (instance) return instance.recover(container)
    if (judge(container, store.app(app)) === 'leave') {
      log.warn('unknown_container_left_alone', { container: container.name, app })
    }
  }

  /**
   * Settles images that no release and no snapshot names: what a crash left between a commit and the store's
   * transaction. The container is still the truth then, so the image goes; but where the container is gone as
   * well, the image is the last copy of what the app wrote (I5) and becomes its snapshot.
   */
  async #settleStrayImages(withContainer: ReadonlySet<string>): Promise<void> {
    const { store, engine, log, now } = this.#context
    const named = new Set<string>()
    for (const { name } of store.apps()) {
      for (const { image } of [...store.releases(name), ...store.snapshots(name)]) named.add(image)
    }
    for (const { id, tags, labels } of await engine.images()) {
      const app = store.app(labels.app)
      if (!app || tags.some(tag => named.has(tag))) continue
      const number = store.nextSnapshot(app.name)
      const tag = snapshotTag(store.hostId, app.name, number)
      const isNext = labels.generation === app.generation + 1 && labels.release === app.release
      if (isNext && tags.includes(tag) && !withContainer.has(app.name)) {
        const { size, layers } = await engine.image(id)
        const release = labels.release
        store.addSnapshot({
          app: app.name,
          number,
          release,
          createdAt: now(),
          reason: 'recovery',
          image: tag,
          size,
          layers,
        })
        log.warn('snapshot_recovered', { app: app.name, snapshot: number })
        continue
      }
      await engine
        .removeImage(id)
        .catch(error => log.warn('image_not_removed', { image: id, error: messageOf(error) }))
    }
  }
}
