import type { Case, Rival } from './case.ts'
import type { Observation } from './observe.ts'

/** A case of which Dormice and another proxy make different things, or were said to. */
export type Difference = {
  title: string
  name: string
  rfc: string
  proxy: Rival
  dormice: Observation
  other: Observation
  /** Why; undefined when no reason is given, which is a fault. */
  reason: string | undefined
  /** A reason is given, but there is no difference: a fault as well. */
  stale: boolean
}

/** Compares what Dormice and another proxy made of a case; undefined when there is nothing to tell. */
export function compare(
  { title, each }: { title: string; each: Case },
  proxy: Rival,
  dormice: Observation,
  other: Observation,
): Difference | undefined {
  const reason = each.differs?.[proxy]
  const same = dormice.answers === other.answers && dormice.requests === other.requests
  if (same && reason === undefined) return undefined
  return { title, name: each.name, rfc: each.rfc, proxy, dormice, other, reason, stale: same }
}

export function isFault({ reason, stale }: Difference): boolean {
  return stale || reason === undefined
}

/** Lines of a table. */
export function renderDifferences(differences: readonly Difference[]): string[] {
  const rows = differences.map(each => [
    `${isFault(each) ? '✗ ' : ''}${each.title}: ${each.name} (${each.rfc})`,
    shown(each.dormice),
    `${each.proxy} ${shown(each.other)}`,
    each.stale ? 'they are the same: take the reason away' : (each.reason ?? 'no reason given'),
  ])
  const heads = ['case', 'dormice', 'other', 'why']
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map(row => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 3 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')
  return [line(heads), ...rows.map(line)]
}

function shown({ answers, requests }: Observation): string {
  return `${answers}, ${requests}`
}
