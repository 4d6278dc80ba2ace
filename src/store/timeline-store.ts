import { gunzipSync, gzipSync } from 'node:zlib'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import type { Change } from '../engine/engine.ts'
import { and, asc, eq, gt, inArray, max, ne, sql } from './drizzle.ts'
import { lookups } from './lookups.ts'
import type { App, ChangeCounts, Release, ReleaseFiles, Snapshot, SnapshotReason } from './records.ts'
import { apps, releases, snapshots } from './schema.ts'

/**
 * Which snapshot is meant. Once an app is deleted, one of the same name counts its own from 1 again: whoever
 * has waited for something since it read a snapshot's record means, by its time, that very one.
 */
export type SnapshotKey = Pick<Snapshot, 'app' | 'number' | 'createdAt'>

/**
 * The apps' timelines: their releases and snapshots, and which of them is an app's current one. The part of
 * `Store` that knows what an app's disk is; it needs nothing of the rest. Callers hold a `Store`.
 */
export class TimelineStore {
  readonly #db: BetterSQLite3Database
  readonly #lookups: ReturnType<typeof lookups>

  /** @param db open and migrated; it stays the caller's to close */
  constructor(db: BetterSQLite3Database) {
    this.#db = db
    this.#lookups = lookups(db)
  }

  /** The app's row. */
  protected appRow(app: string): typeof apps.$inferSelect | undefined {
    return this.#lookups.app.get({ app })
  }

  /** Newest last. */
  releases(app: string): Release[] {
    return this.#lookups.releases.all({ app }).map(toRelease)
  }

  release(app: string, number: number): Release | undefined {
    const row = this.#lookups.release.get({ app, number })
    return row && toRelease(row)
  }

  /** What an earlier version did not note of a release. */
  measured(app: string, number: number, image: Pick<Release, 'size' | 'layers'>): void {
    const unknown = and(isRelease(app, number), eq(releases.layers, 0))
    this.#db.update(releases).set(image).where(unknown).run()
  }

  nextRelease(app: string): number {
    const row = this.#db
      .select({ last: max(releases.number) })
      .from(releases)
      .where(eq(releases.app, app))
      .get()
    return (row?.last ?? 0) + 1
  }

  /** What a release's upload held; empty for a given image. */
  releaseFiles(app: string, number: number): ReleaseFiles {
    const row = this.#db.select({ files: releases.files }).from(releases).where(isRelease(app, number)).get()
    return new Map(row?.files ? JSON.parse(gunzipSync(row.files).toString('utf8')) : [])
  }

  /**
   * Makes a new release the app's current one, in one transaction.
   *
   * @param snapshot what the app had written, put onto the release; none: the app starts without state
   */
  promote(release: Release, files?: ReleaseFiles, snapshot?: Snapshot): void {
    this.#db.transaction(() => {
      this.#db
        .insert(releases)
        .values({
          ...release,
          spec: JSON.stringify(release.spec),
          files: files ? gzipSync(JSON.stringify([...files])) : null,
        })
        .run()
      this.#goOnFrom(release.app, release.number, snapshot)
    })
  }

  /** Goes on from a release that the app had before, in one transaction; snapshot as in {@link promote}. */
  rollBack(app: string, release: number, snapshot?: Snapshot): void {
    this.#db.transaction(() => this.#goOnFrom(app, release, snapshot))
  }

  #goOnFrom(app: string, release: number, snapshot: Snapshot | undefined): void {
    // An app of a release that is not there could neither wake nor fall asleep.
    if (!this.release(app, release)) throw new Error(`${app} has no release ${release}`)
    if (snapshot) this.#insertSnapshot(snapshot)
    this.#beginGeneration(app, { release, snapshot: snapshot?.number ?? null })
  }

  /** Forgets releases, but not the current one or one that a snapshot is of; gives back what it forgot. */
  forgetReleases(app: string, numbers: readonly number[]): Release[] {
    return this.#db.transaction(() => {
      const current = this.appRow(app)?.release
      const used = new Set(this.snapshots(app).map(snapshot => snapshot.release))
      const gone = this.releases(app).filter(
        ({ number }) => numbers.includes(number) && number !== current && !used.has(number),
      )
      const where = gone.map(release => release.number)
      this.#db
        .delete(releases)
        .where(and(eq(releases.app, app), inArray(releases.number, where)))
        .run()
      return gone
    })
  }

  /** Newest last. */
  snapshots(app: string): Snapshot[] {
    return this.#lookups.snapshots.all({ app }).map(toSnapshot)
  }

  /** References of all images that any app's releases and snapshots name. */
  images(): Set<string> {
    const releaseImages = this.#db.select({ image: releases.image }).from(releases)
    const snapshotImages = this.#db.select({ image: snapshots.image }).from(snapshots)
    return new Set(
      releaseImages
        .unionAll(snapshotImages)
        .all()
        .map(row => row.image),
    )
  }

  /** Bytes that all snapshots take: the sum of `usedBy` in `snapshots/retention.ts`, without reading rows. */
  get snapshotBytes(): number {
    const [row] = this.#db.all<{ bytes: number | null }>(sql`
      select sum(case
        when source is null and release = release_before
          and (layers = layers_before + 1 or (layers = layers_before and generation <= generation_before + 1))
        then bytes else max(0, size - release_size) end) as bytes
      from (
        select s.source, s.release, s.layers, s.generation, s.bytes, s.size,
          lag(s.release) over timeline as release_before,
          lag(s.layers) over timeline as layers_before,
          lag(s.generation) over timeline as generation_before,
          coalesce(r.size, 0) as release_size
        from ${snapshots} s left join ${releases} r on r.app = s.app and r.number = s.release
        window timeline as (partition by s.app order by s.number)
      )`)
    return row?.bytes ?? 0
  }

  snapshot(app: string, number: number): Snapshot | undefined {
    const row = this.#lookups.snapshot.get({ app, number })
    return row && toSnapshot(row)
  }

  /** No number is given twice, also not that of a forgotten snapshot: its image may still be going. */
  nextSnapshot(app: string): number {
    return (this.appRow(app)?.lastSnapshot ?? 0) + 1
  }

  /**
   * Makes a new snapshot the app's current one: step 7 of falling asleep, in one transaction.
   *
   * @param lastUsed when the app was last used, epoch ms, where that is known; so also below
   */
  addSnapshot(snapshot: Snapshot, lastUsed?: number): void {
    this.#db.transaction(() => {
      this.#insertSnapshot(snapshot)
      this.#beginGeneration(snapshot.app, { snapshot: snapshot.number, lastUsed })
    })
  }

  /** Keeps a snapshot of a running app: the container stays the truth. */
  addLiveSnapshot(snapshot: Snapshot): void {
    this.#db.transaction(() => this.#insertSnapshot(snapshot))
  }

  /**
   * Makes a snapshot that was taken of the running app its current one: its container holds nothing more, or
   * is gone. False when the snapshot was forgotten meanwhile.
   */
  settleOn({ app, number }: Snapshot, lastUsed?: number): boolean {
    return this.#db.transaction(() => {
      if (!this.snapshot(app, number)) return false
      this.#beginGeneration(app, { snapshot: number, lastUsed })
      return true
    })
  }

  /** The newest snapshot that was taken of the container of the app's present generation. */
  liveSnapshot(app: App): Snapshot | undefined {
    return this.snapshots(app.name).findLast(
      ({ generation, number }) => generation === app.generation && number > (app.snapshot ?? 0),
    )
  }

  /** The container of the present generation holds what its image holds: it is not the truth any more. */
  supersede(app: string): void {
    this.#beginGeneration(app)
  }

  /** The app fell asleep and there is no snapshot of that to note it with. */
  used(app: string, lastUsed: number): void {
    this.#db.update(apps).set({ lastUsed }).where(eq(apps.name, app)).run()
  }

  /** Bytes of memory that apps need on average, of which that is known; undefined: it is of none. */
  usualPeak(): number | undefined {
    const [found] = this.#db
      .select({ peak: sql<number | null>`avg(${apps.peakMemory})` })
      .from(apps)
      .all()
    return found?.peak ?? undefined
  }

  /** So many bytes of memory the app turned out to need. */
  needed(app: string, peakMemory: number): void {
    this.#db.update(apps).set({ peakMemory }).where(eq(apps.name, app)).run()
  }

  #insertSnapshot(snapshot: Snapshot): void {
    const changed = snapshot.changed && JSON.stringify(snapshot.changed)
    this.#db
      .insert(snapshots)
      .values({ ...snapshot, changed })
      .run()
    this.#db
      .update(apps)
      .set({ lastSnapshot: sql`max(${apps.lastSnapshot}, ${snapshot.number})` })
      .where(eq(apps.name, snapshot.app))
      .run()
  }

  /** The one place that counts generations. @param current what the app goes on from, where that changes */
  #beginGeneration(
    app: string,
    current: Partial<Pick<App, 'release' | 'snapshot'>> & { lastUsed?: number | undefined } = {},
  ): void {
    this.#db
      .update(apps)
      .set({ ...current, generation: sql`${apps.generation} + 1` })
      .where(eq(apps.name, app))
      .run()
  }

  /** The snapshot's disk is another image from now on: same files, fewer layers. False when it is gone. */
  replaceImage(key: SnapshotKey, image: Pick<Snapshot, 'image' | 'size' | 'layers' | 'bytes'>): boolean {
    return this.#db.update(snapshots).set(image).where(isThis(key)).run().changes > 0
  }

  setPinned(app: string, number: number, pinned: boolean): void {
    this.#db.update(snapshots).set({ pinned }).where(isSnapshot(app, number)).run()
  }

  /** @param paths as many of the changes as are kept */
  setChanged(key: SnapshotKey, changed: ChangeCounts, paths: readonly Change[]): void {
    this.#db
      .update(snapshots)
      .set({ changed: JSON.stringify(changed), paths: gzipSync(JSON.stringify(paths)) })
      .where(isThis(key))
      .run()
  }

  /** What {@link setChanged} kept; undefined when the snapshot's layer was not read yet. */
  changedPaths(key: SnapshotKey): Change[] | undefined {
    const row = this.#db.select({ paths: snapshots.paths }).from(snapshots).where(isThis(key)).get()
    return row?.paths ? JSON.parse(gunzipSync(row.paths).toString('utf8')) : undefined
  }

  /**
   * Forgets a snapshot, unless it is the current one or pinned (I5); false then, and when it is gone. If the next
   * one differs from it in nothing, what it changed is what that one changed now.
   */
  forgetSnapshot(key: SnapshotKey): boolean {
    if (this.appRow(key.app)?.snapshot === key.number) return false
    const changes = { changed: snapshots.changed, paths: snapshots.paths }
    return this.#db.transaction(() => {
      const unpinned = and(isThis(key), ne(snapshots.pinned, true))
      const forgotten = this.#db.delete(snapshots).where(unpinned).returning(changes).get()
      if (!forgotten) return false
      const next = this.#db
        .select({ number: snapshots.number, changed: snapshots.changed })
        .from(snapshots)
        .where(and(eq(snapshots.app, key.app), gt(snapshots.number, key.number)))
        .orderBy(asc(snapshots.number))
        .limit(1)
        .get()
      if (next?.changed && isNothing(JSON.parse(next.changed)))
        this.#db.update(snapshots).set(forgotten).where(isSnapshot(key.app, next.number)).run()
      return true
    })
  }
}

const isRelease = (app: string, number: number) => and(eq(releases.app, app), eq(releases.number, number))

const isSnapshot = (app: string, number: number) => and(eq(snapshots.app, app), eq(snapshots.number, number))

const isNothing = ({ added, changed, deleted }: ChangeCounts) => added + changed + deleted === 0

const isThis = ({ app, number, createdAt }: SnapshotKey) =>
  and(isSnapshot(app, number), eq(snapshots.createdAt, createdAt))

function toRelease(row: Omit<typeof releases.$inferSelect, 'files'>): Release {
  return { ...row, spec: JSON.parse(row.spec) }
}

function toSnapshot(row: Omit<typeof snapshots.$inferSelect, 'paths'>): Snapshot {
  return {
    ...row,
    reason: row.reason as SnapshotReason,
    changed: row.changed === null ? null : JSON.parse(row.changed),
  }
}
