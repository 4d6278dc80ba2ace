import { createHash, randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import type { DiffId } from '../engine/engine.ts'
import type { AppSettings } from '../releases/manifest.ts'
import { CopyIndex } from './copy-index.ts'
import { DomainStore } from './domain-store.ts'
import { and, asc, drizzle, eq, isNull } from './drizzle.ts'
import { openDatabase } from './open.ts'
import { OverrunStore } from './overrun-store.ts'
import type { App, Copy, Launch, Release, ReleaseFiles, Snapshot } from './records.ts'
import { apps, copies, env, meta, tokens } from './schema.ts'
import { envPlace, type Secrets } from './secrets.ts'
import { keepingStatements } from './statements.ts'
import { TimelineStore } from './timeline-store.ts'
import { TrafficStore } from './traffic-store.ts'
import { WakeStore } from './wake-store.ts'

/**
 * What Dormice knows, in one SQLite file. Methods are in the words of the domain; transactions stay inside.
 * Every write is on disk when its method returns (`synchronous=FULL`). Releases and snapshots: see its base.
 */
export class Store extends TimelineStore implements Disposable {
  readonly #database: Database.Database
  readonly #db: BetterSQLite3Database
  readonly #secrets: Secrets
  readonly #index = new CopyIndex()
  /** Id of this data folder: labels everything it owns on the engine. 12 hex digits. */
  readonly hostId: string
  /** Custom domains. */
  readonly domains: DomainStore
  /** What apps were asked. */
  readonly traffic: TrafficStore
  /** How apps woke. */
  readonly wakes: WakeStore
  /** When apps reached their memory limits. */
  readonly overruns: OverrunStore

  /**
   * Opens or creates the database file and the file `key` beside it, both 0600, and migrates the database.
   *
   * @throws {DataUnusable} before anything is touched
   */
  constructor(file: string) {
    const { database, secrets } = openDatabase(file)
    const db = drizzle(keepingStatements(database))
    super(db)
    this.#database = database
    this.#db = db
    this.#secrets = secrets
    this.domains = new DomainStore(db)
    this.traffic = new TrafficStore(db)
    this.wakes = new WakeStore(db)
    this.overruns = new OverrunStore(db)
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
    const row = this.appRow(name)
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

  /** Forgets the app, its releases, snapshots, environment, domains and what was noted of it. */
  removeApp(name: string): void {
    this.#db.delete(apps).where(eq(apps.name, name)).run()
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
      /** See `App`. */
      peakMemory?: number | undefined
    },
    now: number,
  ): void {
    this.#db.transaction(() => {
      this.setSettings(app, from.settings)
      if (from.peakMemory !== undefined) this.needed(app, from.peakMemory)
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
