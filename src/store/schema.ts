import { blob, index, integer, primaryKey, real, sqliteTable, text } from './drizzle.ts'

/*
 * Times are epoch milliseconds and structures JSON text in every table, so that a second dialect can follow
 * with equal row types.
 */

/** Facts of the data folder itself, e.g. the host's id. */
export const meta = sqliteTable('meta', {
  key: text().primaryKey(),
  value: text().notNull(),
})

export const apps = sqliteTable('apps', {
  name: text().primaryKey(),
  createdAt: integer('created_at').notNull(),
  /** JSON of `AppSettings`: what was set through the API; wins over the release's manifest. */
  settings: text().notNull(),
  /**
   * Counts every change of what the app's disk is (a new release, a new snapshot). A container carries the
   * generation it was created from, which is how recovery knows whether the container or an image is the truth.
   */
  generation: integer().notNull(),
  /** Current release; null until the first deploy succeeded. */
  release: integer(),
  /** Current snapshot; null: the disk is the release's. */
  snapshot: integer(),
  /** Number of the newest snapshot that it ever had: a name of an image that is being removed is never given again. */
  lastSnapshot: integer('last_snapshot').notNull().default(0),
  /** When it last woke or ended a request, as of its last sleep; null: never. */
  lastUsed: integer('last_used'),
  /** The most memory that it is known to need, bytes, as of its last sleep; null: nothing is known. */
  peakMemory: integer('peak_memory'),
  /** When its deletion began; the row goes last, after everything on the engine. */
  deletedAt: integer('deleted_at'),
})

export const releases = sqliteTable(
  'releases',
  {
    app: text().notNull(),
    number: integer().notNull(),
    createdAt: integer('created_at').notNull(),
    /** Immutable tag on the engine. */
    image: text().notNull(),
    /** JSON of `ReleaseSpec`. */
    spec: text().notNull(),
    /** Bytes of all layers. */
    size: integer().notNull(),
    layers: integer().notNull(),
    /** What the upload held, for {@link TimelineStore.releaseFiles}; null for a given image. */
    files: blob({ mode: 'buffer' }),
  },
  table => [primaryKey({ columns: [table.app, table.number] })],
)

export const snapshots = sqliteTable(
  'snapshots',
  {
    app: text().notNull(),
    number: integer().notNull(),
    release: integer().notNull(),
    createdAt: integer('created_at').notNull(),
    reason: text().notNull(),
    /** Immutable tag on the engine. */
    image: text().notNull(),
    /** Bytes of all layers. */
    size: integer().notNull(),
    layers: integer().notNull(),
    /**
     * The app's generation whose disk it is. One taken of a running app has the generation of the container, which
     * went on: the container is the truth, and should it vanish, this snapshot is the newest that there is.
     */
    generation: integer().notNull(),
    /** Bytes of what it added to the image that it was made on. */
    bytes: integer().notNull(),
    pinned: integer({ mode: 'boolean' }).notNull(),
    /** Number of the snapshot that it repeats, when it came of a rollback. */
    source: integer(),
    /** JSON of `ChangeCounts`; null until its layer was read. */
    changed: text(),
    /** The paths themselves, for {@link TimelineStore.changedPaths}. */
    paths: blob({ mode: 'buffer' }),
  },
  table => [primaryKey({ columns: [table.app, table.number] })],
)

/** Images whose every layer is in the data folder. */
export const copies = sqliteTable('copies', {
  /** Tag on the engine. */
  image: text().primaryKey(),
  /** JSON of `Copy`. */
  copy: text().notNull(),
})

export const env = sqliteTable(
  'env',
  {
    app: text().notNull(),
    key: text().notNull(),
    value: text().notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  table => [primaryKey({ columns: [table.app, table.key] })],
)

/** Custom domains. One belongs to one app. */
export const domains = sqliteTable(
  'domains',
  {
    /** Lower case, ASCII. */
    domain: text().primaryKey(),
    app: text().notNull(),
    createdAt: integer('created_at').notNull(),
    /** How it was shown to be its app's; null until it was. */
    proof: text({ enum: ['txt', 'cname', 'http'] }),
    verifiedAt: integer('verified_at'),
    /** The same of its twin, the name with or without `www.`. */
    twinProof: text('twin_proof', { enum: ['txt', 'cname', 'http'] }),
  },
  table => [index('domains_app').on(table.app)],
)

/** What apps were asked, by hours. */
export const traffic = sqliteTable(
  'traffic',
  {
    app: text().notNull(),
    /** When the hour began. */
    hour: integer().notNull(),
    /** JSON of `TrafficFigures`. */
    figures: text().notNull(),
  },
  table => [primaryKey({ columns: [table.app, table.hour] }), index('traffic_hour').on(table.hour)],
)

/** The apps' newest wakes, also those that failed. */
export const wakes = sqliteTable(
  'wakes',
  {
    /** Counts up, as they ended: the clock may be set back. */
    id: integer().primaryKey(),
    app: text().notNull(),
    /** When it was asked for. */
    at: integer().notNull(),
    kind: text({ enum: ['cold', 'frozen'] }).notNull(),
    /** `awake`, or the code of what went wrong. */
    outcome: text().notNull(),
    ms: real().notNull(),
    /** JSON of `WakeTrace['parts']`. */
    parts: text().notNull(),
  },
  table => [index('wakes_app').on(table.app)],
)

/** When apps had as much memory as they may have and wanted more. */
export const overruns = sqliteTable(
  'overruns',
  {
    /** Counts up: the clock may be set back. */
    id: integer().primaryKey(),
    app: text().notNull(),
    kind: text({ enum: ['killed', 'full'] }).notNull(),
    /** The limit that it had. */
    limit: integer('bytes').notNull(),
    at: integer().notNull(),
    /** When it last was so again. */
    until: integer().notNull(),
    times: integer().notNull(),
  },
  table => [index('overruns_app').on(table.app)],
)

export const tokens = sqliteTable(
  'tokens',
  {
    id: text().primaryKey(),
    name: text().notNull(),
    /** SHA-256 of the token, hex; the token itself is never stored. */
    hash: text().notNull(),
    createdAt: integer('created_at').notNull(),
  },
  table => [index('tokens_hash').on(table.hash)],
)
