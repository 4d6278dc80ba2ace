import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'

/** The data folder belongs to a host that runs already. */
export class FolderInUse extends Error {
  override name = 'FolderInUse'
}

/**
 * Takes a data folder for this process until it is disposed of or the process ends, however it ends: SQLite's
 * exclusive lock is the operating system's, so nothing stale can stay behind.
 *
 * @param file the lock's own file, made if it is missing
 * @throws {FolderInUse}
 */
export function lockFolder(file: string): Disposable {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const database = new Database(file, { timeout: 0 })
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error
    throw new FolderInUse(
      `a host already runs on the data folder ${dirname(file)}; set DORMICE_DATA to another`,
    )
  }
  return { [Symbol.dispose]: () => database.close() }
}
