import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { messageOf } from '../problem.ts'
import type { Snapshot } from '../store/records.ts'
import { compact } from './compaction.ts'
import { copyImages, forgetLayers } from './copies.ts'
import { appDisk, hostDisk } from './disk.ts'
import { restoreAllLost } from './restore-lost.ts'
import { expired, expiredReleases, mayGo, overBudget } from './retention.ts'

/**
 * What is done for sleeping apps in the background, one app at a time: layers are merged, snapshots that are kept no
 * longer go, and images are copied to the data folder. Whatever fails is logged and comes up again after the app's
 * next sleep, or the next start.
 */
export class Upkeep implements AsyncDisposable {
  readonly #context: Context
  readonly #apps: Apps
  readonly #line = pLimit(1)
  /** Apps whose images are to be copied, and from when on, by the clock of `performance.now()`, which cannot jump. */
  readonly #toCopy = new Map<string, number>()
  readonly #tidying = new Set<string>()
  /** What is done for all apps together and waits in the line, by the name of its failure. */
  readonly #forAll = new Set<string>()
  readonly #onChange = (app: string) => this.#changed(app)
  readonly #ending = new AbortController()
  #looks = false
  readonly #endTimeout: number

  /** @param options.endTimeout how long a shutdown waits for what is being done, ms: a crash in it harms nothing either */
  constructor(context: Context, apps: Apps, { endTimeout = 15_000 } = {}) {
    this.#context = context
    this.#apps = apps
    this.#endTimeout = endTimeout
  }

  /** Begins, once what a crash left has been put right: until then an image may not be what it seems. */
  start(): void {
    void this.#apps.settled.then(() => {
      if (this.#ending.signal.aborted) return
      this.#context.changes.on('change', this.#onChange)
      for (const { name } of this.#apps.all()) this.#changed(name)
    })
  }

  /** Copies what has been asleep for long enough; called about once a second. */
  sweep(): void {
    const now = performance.now()
    for (const [app, from] of this.#toCopy) {
      if (from > now) continue
      this.#toCopy.delete(app)
      this.#queue(app, 'copy_failed', async () => {
        await copyImages(this.#context, app)
        this.#queueForAll('layers_not_removed', () => forgetLayers(this.#context))
      })
    }
  }

  /** Makes images again that the engine has lost, as after `docker image prune -a`; called about once a minute. */
  look(): void {
    // One that takes long is not followed by all that were due meanwhile.
    if (this.#looks || this.#ending.signal.aborted) return
    this.#looks = true
    void this.#line(() => restoreAllLost(this.#context, this.#apps, this.#ending.signal))
      .catch(error => this.#context.log.warn('restore_failed', { error: messageOf(error) }))
      .finally(() => {
        this.#looks = false
      })
  }

  /** Nothing new begins. */
  end(): void {
    this.#ending.abort()
    this.#context.changes.off('change', this.#onChange)
    this.#line.clearQueue()
  }

  /** Waits for what is being done just now, within a bound. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
    const waited = new AbortController()
    const late = sleep(this.#endTimeout, 'late', { signal: waited.signal }).catch(() => undefined)
    const outcome = await Promise.race([this.#line(async () => undefined), late])
    waited.abort()
    if (outcome === 'late') this.#context.log.warn('upkeep_left_unfinished', {})
  }

  #changed(app: string): void {
    const state = this.#apps.find(app)?.state
    if (state === undefined) this.#gone(app)
    if (state !== 'asleep' && state !== 'awake') return
    // Not put off by every sleep and wake, or an app that is never still would have no copy.
    if (!this.#toCopy.has(app)) this.#toCopy.set(app, performance.now() + this.#context.config.copyAfter)
    if (state === 'awake' || this.#tidying.has(app)) return
    this.#tidying.add(app)
    this.#queue(app, 'upkeep_failed', async () => {
      this.#tidying.delete(app)
      await this.#tidy(app)
    })
  }

  /** What a deleted app wrote is not kept in the data folder either. */
  #gone(app: string): void {
    if (this.#ending.signal.aborted) return
    // An app of the same name that comes after it begins anew.
    this.#tidying.delete(app)
    this.#toCopy.delete(app)
    this.#queueForAll('layers_not_removed', () => forgetLayers(this.#context))
  }

  #queue(app: string, failure: string, work: () => Promise<void>): void {
    const { signal } = this.#ending
    if (signal.aborted) return
    void this.#line(async () => {
      if (signal.aborted || this.#context.store.app(app)?.deletedAt !== null) return
      await work()
      // It may have waited for nothing, as for most apps at a start: visitors are served before the next one.
      await immediate()
    }).catch(error => this.#context.log.warn(failure, { app, error: messageOf(error) }))
  }

  /** Once, behind all that waits now, however many ask for it meanwhile. */
  #queueForAll(failure: string, work: () => Promise<void>): void {
    const { signal } = this.#ending
    if (signal.aborted || this.#forAll.has(failure)) return
    this.#forAll.add(failure)
    void this.#line(async () => {
      this.#forAll.delete(failure)
      if (!signal.aborted) await work()
    }).catch(error => this.#context.log.warn(failure, { error: messageOf(error) }))
  }

  async #tidy(app: string): Promise<void> {
    const { store, now, log } = this.#context
    // Snapshots of an app that cannot be compacted go all the same, or it would fill the disk.
    await compact(this.#context, this.#apps, app).catch(error =>
      log.error('compaction_failed', { app, error: messageOf(error) }),
    )
    const current = () => store.app(app)?.snapshot ?? null
    await this.#forget(expired(store.snapshots(app), current(), now()))
    const { used, budget } = appDisk(this.#context, app)
    if (used > budget) {
      const releases = new Map(store.releases(app).map(one => [one.number, one.size]))
      await this.#forget(overBudget(store.snapshots(app), releases, current(), budget))
    }
    await this.#forgetReleases(app)
    this.#queueForAll('disk_not_freed', () => this.#shrinkAll())
  }

  /** The oldest snapshots of all apps go until what is left fits the host's budget, or none is left that may go. */
  async #shrinkAll(): Promise<void> {
    const { store } = this.#context
    const isFull = () => {
      const { used, budget } = hostDisk(this.#context)
      return used > budget
    }
    if (!isFull()) return
    const all = store
      .apps()
      .flatMap(app => store.snapshots(app.name).filter(one => mayGo(one, app.snapshot)))
      .sort((a, b) => a.createdAt - b.createdAt)
    for (const one of all) {
      await this.#forget([one])
      await forgetLayers(this.#context)
      if (!isFull()) return
    }
  }

  async #forget(snapshots: readonly Snapshot[]): Promise<void> {
    const { store, engine, step, log } = this.#context
    for (const snapshot of snapshots) {
      const { app, number, image } = snapshot
      // A rollback or a fork may be reading it; after the next sleep is soon enough.
      if (this.#apps.isClaimed(app) || !store.forgetSnapshot(snapshot)) continue
      store.forgetCopy(image)
      step('retention.forgotten')
      await engine.removeImage(image)
      step('retention.removed')
      log.info('snapshot_forgotten', { app, snapshot: number })
    }
  }

  async #forgetReleases(app: string): Promise<void> {
    const { store, engine, log } = this.#context
    const instance = this.#apps.find(app)
    const current = store.app(app)?.release ?? null
    for (const { number } of expiredReleases(store.releases(app), store.snapshots(app), current)) {
      // A rollback may be on its way to one of them; after the next sleep is soon enough.
      if (this.#apps.isClaimed(app)) return
      // An app of the same name that came meanwhile has releases of the same numbers.
      if (this.#apps.find(app) !== instance) return
      for (const { image } of store.forgetReleases(app, [number])) {
        store.forgetCopy(image)
        await engine.removeImage(image)
        log.info('release_forgotten', { app, release: number })
      }
    }
  }
}
