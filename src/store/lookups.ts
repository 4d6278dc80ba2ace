import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { and, asc, eq, getTableColumns, sql } from './drizzle.ts'
import { apps, releases, snapshots } from './schema.ts'

/* Lists, which may be long, are read when they are asked for. */
const { files: _files, ...releaseColumns } = getTableColumns(releases)
const { paths: _paths, ...snapshotColumns } = getTableColumns(snapshots)

/**
 * What is asked again and again, of every app: built once, which takes several times as long as the query itself.
 *
 * @param db open and migrated
 */
export function lookups(db: BetterSQLite3Database) {
  const app = sql.placeholder('app')
  const number = sql.placeholder('number')
  const { app: releaseApp, number: releaseNumber } = releases
  const { app: snapshotApp, number: snapshotNumber } = snapshots
  const fromReleases = () => db.select(releaseColumns).from(releases)
  const fromSnapshots = () => db.select(snapshotColumns).from(snapshots)
  return {
    /** `{ app }` */
    app: db.select().from(apps).where(eq(apps.name, app)).prepare(),
    /** `{ app, number }` */
    release: fromReleases()
      .where(and(eq(releaseApp, app), eq(releaseNumber, number)))
      .prepare(),
    /** `{ app }`; newest last */
    releases: fromReleases().where(eq(releaseApp, app)).orderBy(asc(releaseNumber)).prepare(),
    /** `{ app, number }` */
    snapshot: fromSnapshots()
      .where(and(eq(snapshotApp, app), eq(snapshotNumber, number)))
      .prepare(),
    /** `{ app }`; newest last */
    snapshots: fromSnapshots().where(eq(snapshotApp, app)).orderBy(asc(snapshotNumber)).prepare(),
  }
}
