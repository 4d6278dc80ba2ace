import { InvalidArgumentError } from 'commander'
import type { SnapshotShape } from '../api/shapes.ts'

/** A point of an app's timeline, as the control API takes it. */
export type Point = { snapshot: number } | { release: number }

/** `s12`, `12`: a snapshot; `r3`: a release. @throws {InvalidArgumentError} */
export function parsePoint(text: string): Point {
  const [, kind, digits] = /^([rs]?)([1-9]\d{0,8})$/i.exec(text) ?? []
  if (digits === undefined) {
    throw new InvalidArgumentError(
      'Accepted: a snapshot such as s12 or 12, or a release such as r3; `timeline` lists them.',
    )
  }
  return kind?.toLowerCase() === 'r' ? { release: Number(digits) } : { snapshot: Number(digits) }
}

/** `s12`, `12`. @throws {InvalidArgumentError} */
export function parseSnapshot(text: string): number {
  const [, digits] = /^s?([1-9]\d{0,8})$/i.exec(text) ?? []
  if (digits !== undefined) return Number(digits)
  throw new InvalidArgumentError('Accepted: a snapshot such as s12 or 12; `timeline` lists them.')
}

/** `+3 ~1 −2`: paths added, changed, deleted; nothing for none of a kind, "–" for what is not known yet. */
export function formatChanges(changed: SnapshotShape['changed']): string {
  if (!changed) return '–'
  const { added, changed: altered, deleted } = changed
  const parts = [added && `+${added}`, altered && `~${altered}`, deleted && `−${deleted}`].filter(Boolean)
  return parts.join(' ') || '0'
}

/** What the app was at one moment, for {@link stateBefore}. */
type Moment = { release: number | null; snapshots: readonly SnapshotShape[] }

/**
 * The snapshot that holds what an app was before it was rolled back or deployed: the newest one that the operation
 * kept, else the one that was current. Undefined when it had written nothing.
 */
export function stateBefore(before: Moment, after: readonly SnapshotShape[]): SnapshotShape | undefined {
  const was = before.snapshots.find(({ current }) => current)
  const known = new Set(before.snapshots.map(({ number }) => number))
  const kept = after.findLast(({ number, current, release }) => {
    if (current) return false
    // One taken of the running app becomes the one that is kept when nothing was written since.
    return was ? number > was.number : !known.has(number) || release === before.release
  })
  return kept ?? after.find(({ number }) => number === was?.number)
}
