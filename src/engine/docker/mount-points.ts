import { dirname } from 'node:path/posix'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { type Change, NotFound } from '../engine.ts'
import { bounded } from './client.ts'

/** What the engine itself adds to a container's disk at its first start, as places to mount on. */
const mountPoints: ReadonlySet<string> = new Set(['/sbin/docker-init', '/usr/sbin/docker-init', '/tmp'])

/**
 * Puts the engine's mount points on the disk of a container that never ran, so that an image committed from it
 * has them: else the first instance of a strange image would seem to have written them.
 */
export async function addMountPoints(docker: Docker, id: string): Promise<void> {
  const put = (path: string, add: (archive: ReturnType<typeof pack>) => void) =>
    bounded('write mount points', 20_000, () => {
      const archive = pack()
      add(archive)
      archive.finalize()
      return docker.getContainer(id).putArchive(Readable.from(archive), { path })
    })
  // By way of the folder's path, for /sbin is a link in most images.
  await put('/sbin', archive => archive.entry({ name: 'docker-init', mode: 0o755 }, '')).catch(error => {
    if (!(error instanceof NotFound)) throw error
    return put('/', archive => archive.entry({ name: 'sbin/docker-init', mode: 0o755 }, ''))
  })
  await put('/', archive => archive.entry({ name: 'tmp/', type: 'directory', mode: 0o1777 }))
}

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
      kind !== 'changed' ||
      !above.has(path) ||
      kept.some(other => other.path.startsWith(`${path}/`) && !above.has(other.path)),
  )
}

function parents(path: string): string[] {
  const parent = dirname(path)
  return parent === '/' ? [] : [parent, ...parents(parent)]
}
