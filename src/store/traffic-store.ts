import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { and, asc, eq, gte, lt, sql } from './drizzle.ts'
import type { TrafficFigures, TrafficHour } from './records.ts'
import { apps, traffic } from './schema.ts'

/** What apps were asked, by hours. The part of `Store` that keeps it. */
export class TrafficStore {
  readonly #db: BetterSQLite3Database

  /** @param db open and migrated; it stays the caller's to close */
  constructor(db: BetterSQLite3Database) {
    this.#db = db
  }

  /**
   * Keeps figures, in one transaction; those of apps that are gone are left out.
   *
   * @param merge makes one of two of the same app and hour
   */
  add(
    hours: readonly TrafficHour[],
    merge: (kept: TrafficFigures, more: TrafficFigures) => TrafficFigures,
  ): void {
    const { app, hour, figures } = traffic
    const isThis = and(eq(app, sql.placeholder('app')), eq(hour, sql.placeholder('hour')))
    const kept = this.#db.select({ figures }).from(traffic).where(isThis).prepare()
    const exists = this.#db
      .select({ name: apps.name })
      .from(apps)
      .where(eq(apps.name, sql.placeholder('app')))
      .prepare()
    const put = this.#db
      .insert(traffic)
      .values({
        app: sql.placeholder('app'),
        hour: sql.placeholder('hour'),
        figures: sql.placeholder('figures'),
      })
      .onConflictDoUpdate({ target: [app, hour], set: { figures: sql`excluded.figures` } })
      .prepare()
    this.#db.transaction(() => {
      for (const each of hours) {
        if (!exists.get({ app: each.app })) continue
        const before = kept.get(each)
        const all = before ? merge(JSON.parse(before.figures), each.figures) : each.figures
        put.run({ app: each.app, hour: each.hour, figures: JSON.stringify(all) })
      }
    })
  }

  /** An app's hours from `since` on, epoch ms, oldest first. */
  of(app: string, since: number): TrafficHour[] {
    return this.#db
      .select()
      .from(traffic)
      .where(and(eq(traffic.app, app), gte(traffic.hour, since)))
      .orderBy(asc(traffic.hour))
      .all()
      .map(row => ({ ...row, figures: JSON.parse(row.figures) }))
  }

  /** @param hour epoch ms */
  forgetBefore(hour: number): void {
    this.#db.delete(traffic).where(lt(traffic.hour, hour)).run()
  }
}
