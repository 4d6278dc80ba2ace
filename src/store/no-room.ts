import { statfsSync } from 'node:fs'
import { DataUnusable } from './unusable.ts'

/** Less free space than this, bytes, is why SQLite failed unclearly. A start that failed has freed some again. */
const hardlyAny = 1024 * 1024

/** Whether an error of this process or of SQLite, or what caused it, says that a disk or a quota is full. */
export function saysNoRoom(error: unknown): boolean {
  return codes(error).some(code => code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL')
}

/**
 * What to tell of an error that ended a start: a sentence about the disk of the data folder where that is why,
 * else the error itself. SQLite, which needs room to read as well, has several words for it that say other things.
 */
export function tellOfNoRoom(error: unknown, folder: string): unknown {
  const unclear = codes(error).some(code => /^SQLITE_(IOERR|CANTOPEN|ERROR)/.test(code))
  if (!saysNoRoom(error) && !(unclear && isFull(folder))) return error
  return new DataUnusable(
    `the disk of the data folder ${folder} has no room left; free some of it and start again`,
    { cause: error },
  )
}

function codes(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return ['code' in error ? String(error.code) : '', ...codes(error.cause)]
}

/** btrfs and its like count no inodes: they have none. */
function isFull(folder: string): boolean {
  const { bavail, bsize, files, ffree } = statfsSync(folder)
  return bavail * bsize < hardlyAny || (files > 0 && ffree === 0)
}
