import { dirname } from 'node:path/posix'
import type { Change } from '../engine.ts'

/** What the engine itself adds to a container's disk at its first start, as places to mount on. */
const mountPoints: ReadonlySet<string> = new Set(['/sbin/docker-init', '/usr/sbin/docker-init', '/tmp'])

/**
 * Changes without those that the engine made: its mount points, and the folders that count as changed for
 * nothing but holding one. Without this every first sleep would make a snapshot of an app that wrote nothing.
 */
export function withoutMountPoints(changes: readonly Change[]): Change[] {
  const added = changes.filter(change => change.kind === 'added' && mountPoints.has(change.path))
  if (added.length === 0) return [...changes]
  const kept = changes.filter(change => !added.includes(change))
  const above = new Set(added.flatMap(change => parents(change.path)))
  return kept.filter(
    ({ path, kind }) =>
      kind !== 'changed' || !above.has(path) || kept.some(other => other.path.startsWith(`${path}/`) && !above.has(other.path)),
  )
}

function parents(path: string): string[] {
  const parent = dirname(path)
  return parent === '/' ? [] : [parent, ...parents(parent)]
}
