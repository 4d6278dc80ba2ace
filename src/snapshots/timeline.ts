import type { Readable } from 'node:stream'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { isAppName } from '../apps/naming.ts'
import { unknownApp } from '../apps/problems.ts'
import { messageOf } from '../problem.ts'
import { badName } from '../releases/bad-name.ts'
import type { App, Release, Snapshot } from '../store/records.ts'
import { Carrying } from './carrying.ts'
import { type Changes, changesOf } from './changes.ts'
import { forgetLayers } from './copies.ts'
import { refuseIfFull } from './disk.ts'
import { exportApp } from './export.ts'
import { fork } from './fork.ts'
import { importApp } from './import.ts'
import {
  alreadyThere,
  appBusy,
  appExists,
  snapshotInUse,
  unknownRelease,
  unknownSnapshot,
} from './problems.ts'
import { restoreLost } from './restore-lost.ts'
import { backToRelease, backToSnapshot } from './rollback.ts'

/** What can be done with an app's history: its releases and snapshots. */
export class Timeline {
  readonly #context: Context
  readonly #apps: Apps

  constructor(context: Context, apps: Apps) {
    this.#context = context
    this.#apps = apps
  }

  /**
   * Takes a snapshot now, of a running app without stopping it. Where nothing was written since the newest one,
   * none is taken and that one is given back, if there is any.
   *
   * @throws {Problem} 404 `unknown_app`
   */
  async take(name: string): Promise<{ snapshot: Snapshot | undefined; taken: boolean }> {
    const before = this.#context.store.nextSnapshot(name)
    const snapshot = (await this.#apps.get(name).snapshot('snapshot')) ?? this.#current(this.#app(name))
    return { snapshot, taken: snapshot !== undefined && snapshot.number >= before }
  }

  /** Keeps a snapshot from being deleted by retention, or no longer. @throws {Problem} 404 `unknown_snapshot` */
  pin(name: string, number: number, pinned: boolean): Snapshot {
    this.#snapshot(name, number)
    this.#context.store.setPinned(name, number, pinned)
    return this.#snapshot(name, number)
  }

  /** What a snapshot changed. @throws {Problem} 404 `unknown_snapshot`, 409 `image_gone` */
  changes(name: string, number: number): Promise<Changes> {
    return changesOf(this.#context, this.#snapshot(name, number))
  }

  /**
   * Goes back to a snapshot, or to a release with what the app has written until now. What it was before is kept as
   * a snapshot. Requests are held meanwhile; if the app does not become ready, it is as it was.
   *
   * @throws {Problem} 404 `unknown_snapshot`, `unknown_release`; 409 `already_there`, `image_gone`, `app_busy`;
   * 422 `release_not_ready`
   */
  async rollback(name: string, to: { snapshot: number } | { release: number }): Promise<void> {
    this.#app(name)
    using _claim = this.#claim(name)
    const instance = this.#apps.get(name)
    if ('snapshot' in to) {
      const target = this.#snapshot(name, to.snapshot)
      const release = this.#release(name, target.release)
      await instance.goOnAs('rollback', app => backToSnapshot(this.#context, app, release, target))
    } else {
      const release = this.#release(name, to.release)
      // Before the app is put to sleep for it; no deploy changes that meanwhile.
      if (this.#app(name).release === to.release) throw alreadyThere(name, `release ${to.release}`)
      // What is made ahead has no name in the store yet, as what a crash left has none.
      await this.#apps.whenSettled()
      const files = this.#context.store.releaseFiles(name, release.number)
      await using carrying = await Carrying.begin(this.#context, instance, { release, files })
      await instance.goOnAs('rollback', app => backToRelease(this.#context, app, release, carrying))
    }
  }

  /**
   * Makes a new app of this one, as it is now or as it was at a snapshot.
   *
   * @throws {Problem} 404 `unknown_app`, `unknown_snapshot`; 400 `invalid_app_name`; 409 `app_exists`, `image_gone`
   */
  async fork(name: string, into: string, number?: number): Promise<void> {
    this.#app(name)
    using _claim = this.#claim(name)
    using _new = this.#claimNew(into)
    await this.#apps.whenSettled()
    const chosen = number === undefined ? undefined : this.#snapshot(name, number)
    const live = chosen ? undefined : await this.#apps.get(name).snapshot('fork')
    this.#context.step('fork.taken')
    const app = this.#app(name)
    const snapshot = chosen ?? live ?? this.#current(app)
    const release = this.#release(name, snapshot?.release ?? app.release ?? 0)
    await fork(this.#context, this.#apps, { app, release, snapshot }, into)
  }

  /** Deletes a snapshot. @throws {Problem} 404 `unknown_snapshot`; 409 `snapshot_in_use` */
  async forget(name: string, number: number): Promise<void> {
    this.#app(name)
    using _claim = this.#claim(name)
    const { store, engine } = this.#context
    // In its turn: a sleep meanwhile may be about to settle on it.
    await this.#apps.get(name).undisturbed(async () => {
      const snapshot = this.#snapshot(name, number)
      if (!store.forgetSnapshot(snapshot)) {
        throw snapshotInUse(name, number, this.#app(name).snapshot === number ? 'current' : 'pinned')
      }
      store.forgetCopy(snapshot.image)
      await engine.removeImage(snapshot.image)
    })
  }

  /** Makes those of an app's images again that the engine has lost, from their copies in the data folder. */
  async restore(name: string): Promise<{ restored: string[]; missing: string[] }> {
    const { store } = this.#context
    this.#app(name)
    const images = [...store.releases(name), ...store.snapshots(name)].map(({ image }) => image)
    return restoreLost(this.#context, this.#apps, name, images)
  }

  /**
   * The app as one tar, to be imported elsewhere: settings, current release and state, and the names of the variables
   * of its environment, whose values are secrets.
   *
   * @throws {Problem} 404 `unknown_app`, `no_release`; 409 `image_gone`
   */
  async export(name: string): Promise<Readable> {
    this.#app(name)
    using _claim = this.#claim(name)
    const live = await this.#apps.get(name).snapshot('export')
    const app = this.#app(name)
    const snapshot = live ?? this.#current(app)
    const release = this.#release(name, snapshot?.release ?? app.release ?? 0)
    return exportApp(this.#context, { app, release, snapshot })
  }

  /**
   * Makes a new app of an export.
   *
   * @throws {Problem} 400 `invalid_app_name`; 409 `app_exists`; 422 `bad_export`
   */
  async import(into: string, tar: Readable, signal: AbortSignal): Promise<void> {
    using _claim = this.#claimNew(into)
    await this.#apps.whenSettled(signal)
    await refuseIfFull(this.#context, into)
    try {
      await importApp(this.#context, this.#apps, into, tar, signal)
    } catch (error) {
      // Nothing names the layers that it had brought.
      await forgetLayers(this.#context).catch(again =>
        this.#context.log.warn('layers_not_removed', { app: into, error: messageOf(again) }),
      )
      throw error
    }
  }

  #current(app: App): Snapshot | undefined {
    return app.snapshot === null ? undefined : this.#context.store.snapshot(app.name, app.snapshot)
  }

  #app(name: string): App {
    const app = this.#context.store.app(name)
    if (!app || app.deletedAt !== null) throw unknownApp(name)
    return app
  }

  #snapshot(name: string, number: number): Snapshot {
    this.#app(name)
    const snapshot = this.#context.store.snapshot(name, number)
    if (!snapshot) throw unknownSnapshot(name, number)
    return snapshot
  }

  #release(name: string, number: number): Release {
    const release = this.#context.store.release(name, number)
    if (!release) throw unknownRelease(name, number)
    return release
  }

  #claim(name: string): Disposable {
    const claim = this.#apps.claim(name)
    if (!claim) throw appBusy(name)
    return claim
  }

  #claimNew(name: string): Disposable {
    if (!isAppName(name)) throw badName(name)
    if (this.#context.store.app(name)) throw appExists(name)
    return this.#claim(name)
  }
}
