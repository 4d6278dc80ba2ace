import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { and, asc, desc, eq, sql } from './drizzle.ts'
import type { Overrun } from './records.ts'
import { apps, overruns } from './schema.ts'

/** How many of an app are kept. */
export const overrunsKept = 20
/** Within this time of the last one another of its kind is told as the same, ms. */
const sameWithin = 3_600_000

/** When apps reached their memory limits. Removing an app removes its own. */
export class OverrunStore {
  readonly #db: BetterSQLite3Database
  readonly #newest: ReturnType<typeof newestOf>

  /** @param db open and migrated; it stays the caller's to close */
  constructor(db: BetterSQLite3Database) {
    this.#db = db
    this.#newest = newestOf(db)
  }

  /**
   * Notes one, as one more of the last where that was like it and not long ago; forgets those before the newest
   * {@link overrunsKept} of the app. One of an app that is gone is left out.
   *
   * @param at epoch ms
   */
  note({ app, kind, limit, at }: Pick<Overrun, 'app' | 'kind' | 'limit' | 'at'>): void {
    this.#db.transaction(() => {
      if (!this.#db.select({ name: apps.name }).from(apps).where(eq(apps.name, app)).get()) return
      const last = this.#newest.get({ app })
      if (last?.kind === kind && last.limit === limit && Math.abs(at - last.until) < sameWithin) {
        const times = last.times + 1
        this.#db.update(overruns).set({ until: at, times }).where(eq(overruns.id, last.id)).run()
        return
      }
      this.#db.insert(overruns).values({ app, kind, limit, at, until: at, times: 1 }).run()
      const newestToGo = sql`(select id from overruns where app = ${app}
        order by id desc limit 1 offset ${overrunsKept})`
      this.#db
        .delete(overruns)
        .where(and(eq(overruns.app, app), sql`${overruns.id} <= ${newestToGo}`))
        .run()
    })
  }

  /** The newest of an app; undefined: it never reached its limit. */
  last(app: string): Overrun | undefined {
    const found = this.#newest.get({ app })
    return found && withoutId(found)
  }

  /** Newest last. */
  of(app: string): Overrun[] {
    return this.#db
      .select()
      .from(overruns)
      .where(eq(overruns.app, app))
      .orderBy(asc(overruns.id))
      .all()
      .map(withoutId)
  }
}

/** `{ app }`; built once, for it is asked of every app that is listed. */
function newestOf(db: BetterSQLite3Database) {
  return db
    .select()
    .from(overruns)
    .where(eq(overruns.app, sql.placeholder('app')))
    .orderBy(desc(overruns.id))
    .limit(1)
    .prepare()
}

function withoutId({ id: _, ...row }: typeof overruns.$inferSelect): Overrun {
  return row
}
