import type { Release, Snapshot, SnapshotReason } from '../store/records.ts'

/** Which snapshots and releases are kept. */
export const rules = { last: 10, days: 7, releases: 10 } as const

const day = 24 * 60 * 60 * 1000

/**
 * Snapshots that are kept no longer: all but the current one, pinned ones, the last ten, and the newest of each of
 * the last seven days (UTC). One that changed nothing but times goes as soon as it is not the current one.
 *
 * @param snapshots of one app, oldest first
 * @param current number of the current one
 * @param now epoch ms
 */
export function expired(
  snapshots: readonly Snapshot[],
  current: number | null,
  now: number,
  { last, days } = rules as { last: number; days: number },
): Snapshot[] {
  const today = Math.floor(now / day)
  const full = snapshots.filter(one => !isEmpty(one))
  const newestOfDay = new Map(full.map(one => [Math.floor(one.createdAt / day), one]))
  const kept = new Set(full.slice(-last))
  // Days to come are of a clock that was wrong: they are no reason.
  for (const [when, one] of newestOfDay) if (when <= today && today - when < days) kept.add(one)
  return snapshots.filter(one => !kept.has(one) && mayGo(one, current))
}

/** What somebody asked for, or is told the number of as the way back. */
const named: ReadonlySet<SnapshotReason> = new Set(['snapshot', 'deploy', 'rollback', 'carried'])

/** Sleeps that found nothing changed but times, as opening a database may leave them. */
function isEmpty({ reason, changed }: Snapshot): boolean {
  return !named.has(reason) && changed !== null && changed.added + changed.changed + changed.deleted === 0
}

/**
 * Snapshots that have to go, oldest first, for an app's snapshots to fit its budget. That may not suffice: what the
 * app goes on from stays, and so does what is pinned.
 *
 * @param releases bytes of each release, by number
 * @param budget bytes
 */
export function overBudget(
  snapshots: readonly Snapshot[],
  releases: ReadonlyMap<number, number>,
  current: number | null,
  budget: number,
): Snapshot[] {
  const going: Snapshot[] = []
  let left = snapshots
  for (const one of snapshots) {
    if (usedBy(left, releases) <= budget) break
    if (!mayGo(one, current)) continue
    going.push(one)
    left = left.filter(other => other !== one)
  }
  return going
}

/**
 * Bytes that an app's snapshots take on the engine, apart from its releases. Each sleep's layer lies on the layers of
 * the sleeps before it, so the first of such a chain counts with everything below it, the others with their own.
 *
 * @param snapshots of one app, oldest first
 * @param releases bytes of each release, by number
 */
export function usedBy(snapshots: readonly Snapshot[], releases: ReadonlyMap<number, number>): number {
  return snapshots.reduce((sum, one, n) => {
    const before = snapshots[n - 1]
    const isOn = before?.release === one.release && one.source === null
    // Several of the same container, taken while it ran, lie side by side on what it was made from.
    const isBeside = before?.layers === one.layers && one.generation <= before.generation + 1
    const goesOn = isOn && (before.layers + 1 === one.layers || isBeside)
    return sum + (goesOn ? one.bytes : Math.max(0, one.size - (releases.get(one.release) ?? 0)))
  }, 0)
}

/** Whether a snapshot is neither the current one nor pinned. */
export function mayGo(one: Snapshot, current: number | null): boolean {
  return one.number !== current && !one.pinned
}

/**
 * Releases that are kept no longer: all but the current one, the last ten, and those that a snapshot belongs to.
 *
 * @param releases of one app, oldest first
 */
export function expiredReleases(
  releases: readonly Release[],
  snapshots: readonly Snapshot[],
  current: number | null,
): Release[] {
  const used = new Set(snapshots.map(one => one.release))
  return releases.slice(0, -rules.releases).filter(({ number }) => number !== current && !used.has(number))
}
