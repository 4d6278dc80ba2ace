import type { AccessShape } from '../api/shapes.ts'
import { count, formatSize, formatTime } from './units.ts'

/** Rules by their names on the command line. */
export const RULES: Readonly<Record<string, keyof AccessShape>> = {
  allow: 'allow',
  deny: 'deny',
  users: 'auth',
  rate: 'rate',
  'max-body': 'maxBody',
  concurrency: 'concurrency',
  queue: 'queue',
  'queue-timeout': 'queueTimeout',
}

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
    rows.push(['rate', `${count(requests, 'request')} of an address in ${formatTime(per)}${atOnce}`])
  }
  if (maxBody !== undefined) rows.push(['max-body', formatSize(maxBody)])
  if (concurrency !== undefined) {
    const upTo = formatTime(queueTimeout ?? 30_000)
    const waiting =
      queue === 0 ? 'none waits' : `${queue ?? 100} more ${queue === 1 ? 'waits' : 'wait'}, for up to ${upTo}`
    rows.push(['concurrency', `${count(concurrency, 'request')} at a time; ${waiting}`])
  } else {
    // Nobody waits for a turn where there are no turns.
    if (queue !== undefined) rows.push(['queue', `${queue}, once concurrency is set`])
    if (queueTimeout !== undefined)
      rows.push(['queue-timeout', `${formatTime(queueTimeout)}, once concurrency is set`])
  }
  return rows
}
