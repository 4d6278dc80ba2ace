import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { notedUrl, notedUrlFile } from './noted-url.ts'

/** The data folder belongs to a host that runs already. */
export class FolderInUse extends Error {
  override name = 'FolderInUse'
}

/** A data folder that is this process's. */
export type FolderLock = Disposable & {
  /** Notes where the host answers, for whoever looks for it or would start a second one; not on a full disk. */
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
  const folder = dirname(file)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
  const noted = notedUrlFile(folder)
  const database = new Database(file, { timeout: 0 })
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error
    const at = notedUrl(folder)
    throw new FolderInUse(
      `a host already runs on the data folder ${folder}${at && `, at ${at}`}; for a second one beside it set DORMICE_DATA to another folder`,
    )
  }
  // Of one that was killed.
  rmSync(noted, { force: true })
  return {
    note(url) {
      try {
        writeFileSync(noted, `${url}\n`, { mode: 0o600 })
      } catch {
        // On a full disk a host is a host all the same.
      }
    },
    [Symbol.dispose]() {
      rmSync(noted, { force: true })
      database.close()
    },
  }
}
