import { createHash, randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type Database from 'better-sqlite3'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import type { Change, DiffId } from '../engine/engine.ts'
import type { AppSettings } from '../releases/manifest.ts'
import { CopyIndex } from './copy-index.ts'
import { and, asc, drizzle, eq, getTableColumns, inArray, isNull, max, ne, sql } from './drizzle.ts'
import { openDatabase } from './open.ts'
import type {
  App,
  ChangeCounts,
  Copy,
  Launch,
  Release,
  ReleaseFiles,
  Snapshot,
  SnapshotReason,
} from './records.ts'
import { apps, copies, env, meta, releases, snapshots, tokens } from './schema.ts'
import { envPlace, type Secrets } from './secrets.ts'

/**
 * What Dormice knows, in one SQLite file. Methods are in the words of the domain; transactions stay inside.
 * Every write is on disk when its method returns (`synchronous=FULL`).
 */
export class Store implements Disposable {
  readonly #database: Database.Database
  readonly #db: BetterSQLite3Database
  readonly #secrets: Secrets
  readonly #index = new CopyIndex()
  /** Id of this data folder: labels everything it owns on the engine. 12 hex digits. */
  readonly hostId: string

  /**
   * Opens or creates the database file and the file `key` beside it, both 0600, and migrates the database.
   *
   * @throws {DataUnusable} before anything is touched
   */
  constructor(file: string) {
    const { database, secrets } = openDatabase(file)
    this.#database = database
    this.#secrets = secrets
    this.#db = drizzle(database)
    this.#db
      .insert(meta)
      .values({ key: 'host', value: randomBytes(6).toString('hex') })
      .onConflictDoNothing()
      .run()
    for (const row of this.#db.select().from(copies).all()) {
      const { manifest }: Copy = JSON.parse(row.copy)
      this.#index.add(row.image, manifest.layers)
    }
    this.hostId = this.#db.select().from(meta).where(eq(meta.key, 'host')).get()?.value ?? ''
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  /** True until {@link welcomed}, in a folder without any app. */
  get isNew(): boolean {
    const welcomed = this.#db.select().from(meta).where(eq(meta.key, 'welcomed')).get()
    return welcomed === undefined && this.apps().length === 0
  }

  /** The first app was deployed for its user to look at. */
  welcomed(): void {
    this.#db.insert(meta).values({ key: 'welcomed', value: 'true' }).onConflictDoNothing().run()
  }

  /** SQLite's own word on when a write is on disk: 2 is FULL. */
  get synchronous(): unknown {
    return this.#database.pragma('synchronous', { simple: true })
  }

  /** All apps by name, also those being deleted. */
  apps(): App[] {
    return this.#db.select().from(apps).orderBy(asc(apps.name)).all().map(toApp)
  }

  app(name: string): App | undefined {
    const row = this.#db.select().from(apps).where(eq(apps.name, name)).get()
    return row && toApp(row)
  }

  /** Makes the app if it is new; an existing one stays as it is. */
  createApp(name: string, now: number): App {
    this.#db
      .insert(apps)
      .values({ name, createdAt: now, settings: '{}', generation: 0 })
      .onConflictDoNothing()
      .run()
    const app = this.app(name)
    if (!app) throw new Error(`app ${name} vanished while it was made`)
    return app
  }

  setSettings(name: string, settings: AppSettings): void {
    this.#db
      .update(apps)
      .set({ settings: JSON.stringify(settings) })
      .where(eq(apps.name, name))
      .run()
  }

  /** Marks the app as being deleted: from here on a restart finishes the deletion. */
  beginDelete(name: string, now: number): void {
    this.#db
      .update(apps)
      .set({ deletedAt: now })
      .where(and(eq(apps.name, name), isNull(apps.deletedAt)))
      .run()
  }

  /** Forgets the app, its releases, snapshots and environment. */
  removeApp(name: string): void {
    this.#db.delete(apps).where(eq(apps.name, name)).run()
  }

  /** Newest last. */
  releases(app: string): Release[] {
    return this.#db
      .select(releaseColumns)
      .from(releases)
      .where(eq(releases.app, app))
      .orderBy(asc(releases.number))
      .all()
      .map(toRelease)
  }

  release(app: string, number: number): Release | undefined {
    const row = this.#db
      .select(releaseColumns)
      .from(releases)
      .where(and(eq(releases.app, app), eq(releases.number, number)))
      .get()
    return row && toRelease(row)
  }

  /** What an earlier version did not note of a release. */
  measured(app: string, number: number, image: Pick<Release, 'size' | 'layers'>): void {
    const is = and(eq(releases.app, app), eq(releases.number, number))
    this.#db.update(releases).set(image).where(is).run()
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
    const row = this.#db
      .select({ files: releases.files })
      .from(releases)
      .where(and(eq(releases.app, app), eq(releases.number, number)))
      .get()
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

  /** Goes on from a release that the app had before, in one transaction; see {@link promote} for the snapshot. */
  rollBack(app: string, release: number, snapshot?: Snapshot): void {
    this.#db.transaction(() => this.#goOnFrom(app, release, snapshot))
  }

  #goOnFrom(app: string, release: number, snapshot: Snapshot | undefined): void {
    // An app of a release that is not there could neither wake nor fall asleep.
    if (!this.release(app, release)) throw new Error(`${app} has no release ${release}`)
    if (snapshot) this.#insertSnapshot(snapshot)
    this.#db
      .update(apps)
      .set({ release, snapshot: snapshot?.number ?? null, generation: sql`${apps.generation} + 1` })
      .where(eq(apps.name, app))
      .run()
  }

  /** Forgets releases, but for the current one and those that a snapshot belongs to; gives back what it forgot. */
  forgetReleases(app: string, numbers: readonly number[]): Release[] {
    return this.#db.transaction(() => {
      const current = this.app(app)?.release
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
    return this.#db
      .select(snapshotColumns)
      .from(snapshots)
      .where(eq(snapshots.app, app))
      .orderBy(asc(snapshots.number))
      .all()
      .map(toSnapshot)
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

  /** Bytes that all apps' snapshots take; the sum of `usedBy` in `snapshots/retention.ts`, which reads no rows. */
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
    const row = this.#db
      .select(snapshotColumns)
      .from(snapshots)
      .where(and(eq(snapshots.app, app), eq(snapshots.number, number)))
      .get()
    return row && toSnapshot(row)
  }

  /** No number is given twice, also not that of a snapshot that was forgotten: its image may still be going. */
  nextSnapshot(app: string): number {
    const row = this.#db.select({ last: apps.lastSnapshot }).from(apps).where(eq(apps.name, app)).get()
    return (row?.last ?? 0) + 1
  }

  /** Makes a new snapshot the app's current one: step 7 of falling asleep, in one transaction. */
  addSnapshot(snapshot: Snapshot): void {
    this.#db.transaction(() => {
      this.#insertSnapshot(snapshot)
      this.#makeCurrent(snapshot.app, snapshot.number)
    })
  }

  /** Keeps a snapshot of a running app: the container stays the truth. */
  addLiveSnapshot(snapshot: Snapshot): void {
    this.#db.transaction(() => this.#insertSnapshot(snapshot))
  }

  /**
   * Makes a snapshot that was taken of the running app its current one: its container holds nothing more, or is gone.
   * False when the snapshot was forgotten meanwhile.
   */
  settleOn({ app, number }: Snapshot): boolean {
    return this.#db.transaction(() => {
      if (!this.snapshot(app, number)) return false
      this.#makeCurrent(app, number)
      return true
    })
  }

  /** The newest snapshot that was taken of the container of the app's present generation. */
  liveSnapshot(app: App): Snapshot | undefined {
    return this.snapshots(app.name).findLast(
      ({ generation, number }) => generation === app.generation && number > (app.snapshot ?? 0),
    )
  }

  /** What the container of the present generation holds is what its image holds: it is not the truth any more. */
  supersede(app: string): void {
    this.#db
      .update(apps)
      .set({ generation: sql`${apps.generation} + 1` })
      .where(eq(apps.name, app))
      .run()
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

  #makeCurrent(app: string, snapshot: number): void {
    this.#db
      .update(apps)
      .set({ snapshot, generation: sql`${apps.generation} + 1` })
      .where(eq(apps.name, app))
      .run()
  }

  /** The snapshot's disk is another image from now on: the same files in fewer layers. False when it is gone. */
  replaceImage(
    app: string,
    number: number,
    image: Pick<Snapshot, 'image' | 'size' | 'layers' | 'bytes'>,
  ): boolean {
    const is = and(eq(snapshots.app, app), eq(snapshots.number, number))
    return this.#db.update(snapshots).set(image).where(is).run().changes > 0
  }

  setPinned(app: string, number: number, pinned: boolean): void {
    const is = and(eq(snapshots.app, app), eq(snapshots.number, number))
    this.#db.update(snapshots).set({ pinned }).where(is).run()
  }

  /** @param paths as many of the changes as are kept */
  setChanged(app: string, number: number, changed: ChangeCounts, paths: readonly Change[]): void {
    const is = and(eq(snapshots.app, app), eq(snapshots.number, number))
    this.#db
      .update(snapshots)
      .set({ changed: JSON.stringify(changed), paths: gzipSync(JSON.stringify(paths)) })
      .where(is)
      .run()
  }

  /** What {@link setChanged} kept; undefined when the snapshot's layer was not read yet. */
  changedPaths(app: string, number: number): Change[] | undefined {
    const row = this.#db
      .select({ paths: snapshots.paths })
      .from(snapshots)
      .where(and(eq(snapshots.app, app), eq(snapshots.number, number)))
      .get()
    return row?.paths ? JSON.parse(gunzipSync(row.paths).toString('utf8')) : undefined
  }

  /** Forgets a snapshot, unless it is the current one or pinned (I5); false then. */
  forgetSnapshot(app: string, number: number): boolean {
    if (this.app(app)?.snapshot === number) return false
    const is = and(eq(snapshots.app, app), eq(snapshots.number, number), ne(snapshots.pinned, true))
    return this.#db.delete(snapshots).where(is).run().changes > 0
  }

  /**
   * Fills a new app that has nothing yet with a release, its state and its environment, in one transaction.
   *
   * @param from.env values; secrets
   */
  fill(
    app: string,
    from: {
      settings: AppSettings
      env: Readonly<Record<string, string>>
      release: Release
      files: ReleaseFiles
      snapshot: Snapshot | undefined
    },
    now: number,
  ): void {
    this.#db.transaction(() => {
      this.setSettings(app, from.settings)
      for (const [key, value] of Object.entries(from.env)) this.setEnv(app, key, value, now)
      this.promote(from.release, from.files, from.snapshot)
    })
  }

  /** Whether the image can be made again from the data folder; see {@link copy}. */
  isCopied(image: string): boolean {
    return this.#index.has(image)
  }

  /** Every layer that a copy of an image needs. */
  copiedLayers(): Set<DiffId> {
    return this.#index.layers()
  }

  /** What it takes to make an image again from the data folder; undefined when it was not copied. */
  copy(image: string): Copy | undefined {
    const row = this.#db.select().from(copies).where(eq(copies.image, image)).get()
    return row && JSON.parse(row.copy)
  }

  addCopy(image: string, copy: Copy): void {
    const values = { image, copy: JSON.stringify(copy) }
    this.#db.insert(copies).values(values).onConflictDoUpdate({ target: copies.image, set: values }).run()
    this.#index.add(image, copy.manifest.layers)
  }

  forgetCopy(image: string): void {
    this.#db.delete(copies).where(eq(copies.image, image)).run()
    this.#index.delete(image)
  }

  /** What the app's next wake starts from; undefined while it has no release. */
  launch(name: string): Launch | undefined {
    const app = this.app(name)
    if (!app || app.release === null) return undefined
    const release = this.release(name, app.release)
    if (!release) return undefined
    const { image, size } = (app.snapshot === null ? undefined : this.snapshot(name, app.snapshot)) ?? release
    const env = () => this.env(name)
    return {
      app,
      release,
      image,
      size,
      // Read by a wake alone: an app whose values cannot be read still falls asleep and is shown.
      get env() {
        return env()
      },
    }
  }

  /**
   * The app's environment. Values are secrets: never log them.
   *
   * @throws when a value was not stored by this Dormice for this variable
   */
  env(app: string): Record<string, string> {
    const rows = this.#db.select().from(env).where(eq(env.app, app)).orderBy(asc(env.key)).all()
    return Object.fromEntries(rows.map(({ key, value }) => [key, this.#openEnv(app, key, value)]))
  }

  #openEnv(app: string, key: string, sealed: string): string {
    const value = this.#secrets.open(sealed, envPlace(app, key))
    if (value !== undefined) return value
    throw new Error(
      `the stored value of ${key} of ${app} was changed from outside; set or remove the variable`,
    )
  }

  /** Names and times of the app's environment, without values. */
  envKeys(app: string): { key: string; updatedAt: number }[] {
    return this.#db
      .select({ key: env.key, updatedAt: env.updatedAt })
      .from(env)
      .where(eq(env.app, app))
      .orderBy(asc(env.key))
      .all()
  }

  /** @param plain the value; it is sealed here */
  setEnv(app: string, key: string, plain: string, now: number): void {
    const value = this.#secrets.seal(plain, envPlace(app, key))
    this.#db
      .insert(env)
      .values({ app, key, value, updatedAt: now })
      .onConflictDoUpdate({ target: [env.app, env.key], set: { value, updatedAt: now } })
      .run()
  }

  /** Sets variables and, where the value is null, removes them: all or none. */
  changeEnv(app: string, changes: Readonly<Record<string, string | null>>, now: number): void {
    this.#db.transaction(() => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) this.unsetEnv(app, key)
        else this.setEnv(app, key, value, now)
      }
    })
  }

  /** True when there was such a variable. */
  unsetEnv(app: string, key: string): boolean {
    return (
      this.#db
        .delete(env)
        .where(and(eq(env.app, app), eq(env.key, key)))
        .run().changes > 0
    )
  }

  /** Gives a name its token; from then on an earlier one is worth nothing. */
  setToken(name: string, token: string, now: number): void {
    const id = randomBytes(6).toString('hex')
    this.#db.transaction(tx => {
      tx.delete(tokens).where(eq(tokens.name, name)).run()
      tx.insert(tokens)
        .values({ id, name, hash: hashToken(token), createdAt: now })
        .run()
    })
  }

  /** The name of the token's owner, or undefined when no such token was given out. */
  tokenName(token: string): string | undefined {
    return this.#db
      .select({ name: tokens.name })
      .from(tokens)
      .where(eq(tokens.hash, hashToken(token)))
      .get()?.name
  }
}

/** Tokens have 256 random bits, so a plain hash is enough: there is nothing to guess. */
function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function toApp({ lastSnapshot: _, ...row }: typeof apps.$inferSelect): App {
  return { ...row, settings: JSON.parse(row.settings) }
}

/* Lists, which may be long, are read when they are asked for. */
const { files: _files, ...releaseColumns } = getTableColumns(releases)

function toRelease(row: Omit<typeof releases.$inferSelect, 'files'>): Release {
  return { ...row, spec: JSON.parse(row.spec) }
}

const { paths: _paths, ...snapshotColumns } = getTableColumns(snapshots)

function toSnapshot(row: Omit<typeof snapshots.$inferSelect, 'paths'>): Snapshot {
  return {
    ...row,
    reason: row.reason as SnapshotReason,
    changed: row.changed === null ? null : JSON.parse(row.changed),
  }
}
