import type { OverrunShape, ReleaseShape, SnapshotShape } from '../api/shapes.ts'
import { formatChanges } from './points.ts'
import { named, style } from './terminal.ts'
import { formatBytes, formatSize } from './units.ts'
import { formatWhen } from './when.ts'

const HEADING = ['', 'POINT', 'WHEN', 'WHY', 'CHANGED', 'ADDED', 'LAYERS', '']

/**
 * An app's history as rows of a table, oldest first: releases, and under each the snapshots taken since, and when it
 * reached its memory limit.
 */
export function timelineRows(
  releases: readonly ReleaseShape[],
  snapshots: readonly SnapshotShape[],
  overruns: readonly OverrunShape[],
  now: number,
): string[][] {
  // Numbers, too, are in the order of time, and more exact than milliseconds.
  const points = [
    ...releases.map(release => ({ at: Date.parse(release.createdAt), release })),
    ...snapshots.map(snapshot => ({ at: Date.parse(snapshot.createdAt), snapshot })),
  ].sort((a, b) => a.at - b.at)
  // A release is as old as its build; what the app was until the switch was taken after that.
  for (const [n, point] of points.entries()) {
    const before = points[n - 1]
    if (!before || !('release' in before) || 'release' in point) continue
    const { reason, release } = point.snapshot
    if (reason === 'deploy' && release !== before.release.number) points.splice(n - 1, 2, point, before)
  }
  /** The last release above a row, and the one that the app was on then. */
  let above: number | undefined
  let on: number | undefined
  const timed = points.map(point => {
    const when = formatWhen(point.at, now)
    if ('release' in point) {
      above = on = point.release.number
      return { at: point.at, row: releaseRow(point.release, when) }
    }
    const why = reasonOf(point.snapshot, on)
    on = point.snapshot.release
    return { at: point.at, row: snapshotRow(point.snapshot, when, why, above) }
  })
  for (const overrun of overruns) {
    const at = Date.parse(overrun.at)
    const next = timed.findIndex(other => other.at > at)
    timed.splice(next === -1 ? timed.length : next, 0, { at, row: overrunRow(overrun, formatWhen(at, now)) })
  }
  return [HEADING, ...timed.map(({ row }) => row)]
}

function overrunRow({ kind, limit, times }: OverrunShape, when: string): string[] {
  const what = kind === 'killed' ? 'out of memory' : 'memory full'
  const often = times === 1 ? '' : `, ${times} times`
  return [
    style('yellow', '!', process.stdout),
    '',
    when,
    `${what}: ${formatSize(limit)}${often}`,
    '',
    '',
    '',
    '',
  ]
}

function releaseRow({ number, current, runtime, source }: ReleaseShape, when: string): string[] {
  const from = source.kind === 'image' ? named(source.reference) : `${runtime}, ${formatBytes(source.bytes)}`
  return [mark(current), bold(`r${number}`), when, `deployed ${from}`, '', '', '', '']
}

function snapshotRow(
  snapshot: SnapshotShape,
  when: string,
  why: string,
  above: number | undefined,
): string[] {
  const { number, current, release, changed, bytes, layers, pinned } = snapshot
  const on = release === above ? '' : ` (r${release})`
  const point = `  s${number}`
  return [
    mark(current),
    (current ? bold(point) : point) + on,
    when,
    why,
    formatChanges(changed),
    formatBytes(bytes),
    String(layers),
    pinned ? style('yellow', 'pinned', process.stdout) : '',
  ]
}

/** Why a snapshot was taken, in the words of whoever looks at it; a newer host may know more reasons. */
function reasonOf({ reason, release, source }: SnapshotShape, on: number | undefined): string {
  if (source !== null) return `back to s${source}`
  if (reason === 'carried') return `kept for r${release}`
  // What a rollback left is on the release that the app had; what it made is on the one that it went back to.
  if (reason === 'rollback') return release === on ? 'before a rollback' : `back to r${release}`
  return reason === 'deploy' ? 'before a deploy' : named(reason)
}

function mark(current: boolean): string {
  return current ? style('green', '*', process.stdout) : ' '
}

function bold(text: string): string {
  return style('bold', text, process.stdout)
}
