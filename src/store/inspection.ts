import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { packageRoot } from '../paths.ts'
import { DataUnusable } from './unusable.ts'

/** The migrations that this version knows, and their journal. */
export const migrationsFolder = join(packageRoot, 'src/store/migrations')

/** Key in `meta` that says how far the sealing of environment values is; see `open.ts`. */
export const sealing = 'env_values'

/** An environment variable as it is stored. */
export type StoredVariable = { app: string; key: string; value: string }

/**
 * Looks into a database without touching it, so that it can still be refused, and gives back its sealed environment
 * variables; none when there is no database yet.
 *
 * @throws {DataUnusable} it is no database of Dormice, or a newer Dormice wrote it
 */
export function inspectDatabase(file: string): StoredVariable[] {
  if (!existsSync(file) || statSync(file).size === 0) return []
  return untouched(file, database => {
    const has = (table: string) =>
      database.prepare("select 1 from sqlite_master where type = 'table' and name = ?").get(table) !==
      undefined
    if (!has('__drizzle_migrations')) {
      if (database.prepare('select 1 from sqlite_master').get() === undefined) return []
      throw new DataUnusable(
        `${file} is a database that Dormice did not write; move it away or set DORMICE_DATA to another folder`,
      )
    }
    const newest = database.prepare('select max(created_at) from __drizzle_migrations').pluck().get()
    if (Number(newest) > newestKnown()) {
      throw new DataUnusable(
        `${file} was written by a newer Dormice than this one; start that version, or set DORMICE_DATA to another folder`,
      )
    }
    if (!has('meta') || !database.prepare('select 1 from meta where key = ?').get(sealing)) return []
    return database.prepare('select app, key, value from env').all() as StoredVariable[]
  })
}

/** When the newest migration that this version knows was made, epoch ms: what the database calls `created_at`. */
function newestKnown(): number {
  const journal: { entries: { when: number }[] } = JSON.parse(
    readFileSync(join(migrationsFolder, 'meta/_journal.json'), 'utf8'),
  )
  return Math.max(...journal.entries.map(entry => entry.when))
}

/**
 * Reads a database that may have been left by a crash. Even a read-only connection makes or rewrites the files
 * beside the database, so it is given a folder of its own with links to the same contents: there it makes its own
 * index of the log, and it cannot write the database it has open read-only.
 */
function untouched<T>(file: string, read: (database: Database.Database) => T): T {
  const folder = `${file}.look`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { mode: 0o700 })
  try {
    // A rollback journal is played back into the database, which takes a copy to write to.
    const interrupted = existsSync(`${file}-journal`)
    for (const suffix of ['', '-wal', '-journal']) {
      if (existsSync(file + suffix)) place(file + suffix, join(folder, `db${suffix}`), interrupted)
    }
    const database = new Database(join(folder, 'db'), { readonly: !interrupted })
    try {
      return read(database)
    } finally {
      database.close()
    }
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error
    throw new DataUnusable(
      `${file} cannot be read as a database (${error.message}); put a backup of it in its place, or set DORMICE_DATA to another folder`,
      { cause: error },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function place(from: string, to: string, copy: boolean): void {
  if (!copy) {
    try {
      linkSync(from, to)
      return
    } catch {
      // A file system without links.
    }
  }
  copyFileSync(from, to)
}
