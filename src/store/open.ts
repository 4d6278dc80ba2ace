import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { drizzle, migrate } from './drizzle.ts'
import { inspectDatabase, migrationsFolder, type StoredVariable, sealing } from './inspection.ts'
import { createKey, readKey } from './key.ts'
import { envPlace, Secrets } from './secrets.ts'
import { DataUnusable } from './unusable.ts'

/**
 * Opens or creates a database file, mode 0600, and the file `key` beside it; migrates it, and seals the environment
 * values that an earlier version stored as plain text.
 *
 * @throws {DataUnusable} before anything is touched
 */
export function openDatabase(file: string): { database: Database.Database; secrets: Secrets } {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const secrets = secretsOf(file, inspectDatabase(file))
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
  const database = new Database(file)
  try {
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    // KiB: all of it would be kept in memory in the end, and is in the system's cache of files anyway.
    database.pragma('cache_size = -2048')
    // What is deleted or replaced is overwritten with zeros.
    database.pragma('secure_delete = ON')
    migrate(drizzle(database), { migrationsFolder })
    sealPlainValues(database, secrets)
    return { database, secrets }
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * The key that fits the sealed values; a new one where there is nothing to fit.
 *
 * @throws {DataUnusable}
 */
function secretsOf(file: string, sealed: readonly StoredVariable[]): Secrets {
  const keyFile = join(dirname(file), 'key')
  const key = readKey(keyFile)
  const giveUp = `or give those values up with: sqlite3 ${file} "DELETE FROM env"`
  if (!key && sealed.length > 0) {
    throw new DataUnusable(
      `the key file ${keyFile} is missing, without which the environment values in ${file} cannot be read; put it back from a backup, ${giveUp}`,
    )
  }
  const secrets = new Secrets(key ?? createKey(keyFile))
  // One that opens proves the key; one that does not may have been changed by itself.
  const fits = sealed.some(
    variable => secrets.open(variable.value, envPlace(variable.app, variable.key)) !== undefined,
  )
  if (sealed.length > 0 && !fits) {
    throw new DataUnusable(
      `the key file ${keyFile} does not fit the environment values in ${file}; put back the one they were stored with, from a backup, ${giveUp}`,
    )
  }
  return secrets
}

/**
 * Seals what was stored as plain text, and then has SQLite forget that text: its free pages and its log keep old
 * contents. `meta` says how far this is, so that a crash in between is made good by the next start: no row, values
 * are plain; `sealed`, old text may be left; `clean`.
 */
function sealPlainValues(database: Database.Database, secrets: Secrets): void {
  const state = database.prepare('select value from meta where key = ?').pluck()
  if (state.get(sealing) === undefined) {
    database.transaction(() => {
      const update = database.prepare('update env set value = ? where app = ? and key = ?')
      const plain = database.prepare('select app, key, value from env').all() as StoredVariable[]
      for (const { app, key, value } of plain) update.run(secrets.seal(value, envPlace(app, key)), app, key)
      database.prepare("insert into meta (key, value) values (?, 'sealed')").run(sealing)
    })()
  }
  if (state.get(sealing) === 'clean') return
  database.exec('VACUUM')
  const [checkpoint] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[]
  // Somebody else is reading the file: the next start tries again.
  if (checkpoint?.busy === 0) database.prepare("update meta set value = 'clean' where key = ?").run(sealing)
}
