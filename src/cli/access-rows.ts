import type { AccessShape } from '../api/shapes.ts'
import { count } from './units.ts'

/** Access rules as rows of a table: the name of each, as the options of `access set` are called, and what it says. */
export function accessRows(access: AccessShape): string[][] {
  const { allow, deny, auth, rate, maxBody, concurrency, queue = 100, queueTimeout = 30_000 } = access
  const rows: string[][] = []
  if (allow) rows.push(['allow', allow.length === 0 ? 'everybody' : allow.join(', ')])
  if (deny) rows.push(['deny', deny.length === 0 ? 'nobody' : deny.join(', ')])
  if (auth) rows.push(['users', auth.join(', ')])
  if (rate) {
    const { requests, per, burst } = rate
    const atOnce = burst === requests ? '' : `, ${burst} of them at once`
    rows.push(['rate', `${count(requests, 'request')} of an address in ${exactly(per)}${atOnce}`])
  }
  if (maxBody !== undefined) rows.push(['max-body', count(maxBody, 'byte')])
  if (concurrency !== undefined) {
    const waiting = queue === 0 ? 'none waits' : `${queue} more wait, for up to ${exactly(queueTimeout)}`
    rows.push(['concurrency', `${count(concurrency, 'request')} at a time; ${waiting}`])
  }
  return rows
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
