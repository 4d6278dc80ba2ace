import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'

/** The data folder belongs to a host that runs already. */
export class FolderInUse extends Error {
  override name = 'FolderInUse'
}

/** A data folder that is this process's. */
export type FolderLock = Disposable & {
  /** Notes where the host answers, for whoever would start a second one; on a full disk nothing is noted. */
  note(url: string): void
}

/**
 * Takes a data folder for this process until it is disposed of or the process ends, however it ends: SQLite's
 * exclusive lock is the operating system's, so nothing stale can stay behind.
 *
 * @param file the lock's own file, made if it is missing
 * @throws {FolderInUse}
 */
export function lockFolder(file: string): FolderLock {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const place = join(dirname(file), 'url')
  const database = new Database(file, { timeout: 0 })
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error
    const at = readPlace(place)
    throw new FolderInUse(
      `a host already runs on the data folder ${dirname(file)}${at && `, at ${at}`}; for a second one beside it set DORMICE_DATA to another folder`,
    )
  }
  // Of one that was killed.
  rmSync(place, { force: true })
  return {
    note(url) {
      try {
        writeFileSync(place, `${url}\n`, { mode: 0o600 })
      } catch {
        // On a full disk a host is a host all the same.
      }
    },
    [Symbol.dispose]() {
      rmSync(place, { force: true })
      database.close()
    },
  }
}

/** Where the host on a folder answers; empty when it does not yet. */
function readPlace(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}
