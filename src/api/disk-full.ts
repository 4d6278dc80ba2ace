import { messageOf, Problem } from '../problem.ts'
import { saysNoRoom } from '../store/no-room.ts'

/**
 * What a caller is told when an error, or what caused it, is a disk without room: this process's, SQLite's, or the
 * engine's, which has words for it only. Undefined for every other error.
 */
export function diskFull(error: unknown): Problem | undefined {
  if (saysNoRoom(error)) return problem('of the data folder (DORMICE_DATA)', error)
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (/no space left on device|disk quota exceeded/i.test(messageOf(cause)))
      return problem('of the container engine', error)
  }
  return undefined
}

function problem(whose: string, cause: unknown): Problem {
  return new Problem({
    code: 'disk_full',
    status: 507,
    detail: `the disk ${whose} has no room left; free some of it, or delete what nobody needs, and try again`,
    cause,
  })
}
