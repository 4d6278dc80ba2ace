import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { and, desc, eq, sql } from './drizzle.ts'
import type { WakeTrace } from './records.ts'
import { apps, wakes } from './schema.ts'

/** How many wakes of an app are kept. */
export const wakesKept = 100

/** How the apps' last wakes went. Removing an app removes its own. */
export class WakeStore {
  readonly #db: BetterSQLite3Database

  /** @param db open and migrated; it stays the caller's to close */
  constructor(db: BetterSQLite3Database) {
    this.#db = db
  }

  /**
   * Adds traces, the oldest first, and forgets those before the newest {@link wakesKept} of each app, in one
   * transaction; those of apps that are gone are left out.
   */
  add(traces: readonly WakeTrace[]): void {
    const app = sql.placeholder('app')
    const exists = this.#db.select({ name: apps.name }).from(apps).where(eq(apps.name, app)).prepare()
    const insert = this.#db
      .insert(wakes)
      .values({
        app,
        at: sql.placeholder('at'),
        kind: sql.placeholder('kind'),
        outcome: sql.placeholder('outcome'),
        ms: sql.placeholder('ms'),
        parts: sql.placeholder('parts'),
      })
      .prepare()
    const newestToGo = sql`(select id from wakes where app = ${app}
      order by id desc limit 1 offset ${wakesKept})`
    const forget = this.#db
      .delete(wakes)
      .where(and(eq(wakes.app, app), sql`${wakes.id} <= ${newestToGo}`))
      .prepare()
    this.#db.transaction(() => {
      const touched = new Set<string>()
      for (const trace of traces) {
        if (!exists.get(trace)) continue
        insert.run({ ...trace, parts: JSON.stringify(trace.parts) })
        touched.add(trace.app)
      }
      for (const app of touched) forget.run({ app })
    })
  }

  /** An app's wakes, newest first. */
  of(app: string, limit = wakesKept): WakeTrace[] {
    return this.#db
      .select()
      .from(wakes)
      .where(eq(wakes.app, app))
      .orderBy(desc(wakes.id))
      .limit(limit)
      .all()
      .map(({ id: _, ...row }) => ({ ...row, parts: JSON.parse(row.parts) }))
  }
}
