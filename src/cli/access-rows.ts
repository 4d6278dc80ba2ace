import type { AccessShape } from '../api/shapes.ts'
import { count } from './units.ts'

/** Access rules as rows of a table: the name of each, as the options of `access set` are called, and what it says. */
export function accessRows(access: AccessShape): string[][] {
  const { allow, deny, auth, rate, maxBody, concurrency, queue, queueTimeout } = access
  const rows: string[][] = []
  if (allow) rows.push(['allow', allow.length === 0 ? 'everybody' : allow.join(', ')])
  if (deny) rows.push(['deny', deny.length === 0 ? 'nobody' : deny.join(', ')])
  if (auth) rows.push(['users', auth.join(', ')])
  if (rate) {
    const { requests, per, burst } = rate
    const atOnce = burst === requests ? '' : `, ${burst} of them at once`
    rows.push(['rate', `${count(requests, 'request')} of an address in ${exactly(per)}${atOnce}`])
  }
  if (maxBody !== undefined) rows.push(['max-body', size(maxBody)])
  if (concurrency !== undefined) {
    const upTo = exactly(queueTimeout ?? 30_000)
    const waiting =
      queue === 0 ? 'none waits' : `${queue ?? 100} more ${queue === 1 ? 'waits' : 'wait'}, for up to ${upTo}`
    rows.push(['concurrency', `${count(concurrency, 'request')} at a time; ${waiting}`])
  } else {
    // Nobody waits for a turn where there are no turns.
    if (queue !== undefined) rows.push(['queue', `${queue}, once concurrency is set`])
    if (queueTimeout !== undefined)
      rows.push(['queue-timeout', `${exactly(queueTimeout)}, once concurrency is set`])
  }
  return rows
}

const SIZES = ['GiB', 'MiB', 'KiB'] as const

/** A size as it was set, e.g. `1 MiB`, `1500 bytes`: in the largest unit that it is a whole number of. */
function size(bytes: number): string {
  const power = bytes === 0 ? -1 : SIZES.findIndex((_, at) => bytes % 1024 ** (3 - at) === 0)
  return power === -1 ? count(bytes, 'byte') : `${bytes / 1024 ** (3 - power)} ${SIZES[power]}`
}

const UNITS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
]

/** A time as it was set, e.g. `10 s`, `1 min`: in the largest unit that it is a whole number of. */
function exactly(ms: number): string {
  const [of, unit] = UNITS.find(([of]) => ms % of === 0) ?? [1, 'ms']
  return `${ms / of} ${unit}`
}
