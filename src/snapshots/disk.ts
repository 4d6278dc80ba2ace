import { statfs } from 'node:fs/promises'
import type { Context } from '../apps/context.ts'
import { effectiveSettings } from '../apps/settings.ts'
import { Problem } from '../problem.ts'
import { usedBy } from './retention.ts'

/** Below this much free space in the data folder's file system no upload is taken, bytes. */
const reserve = 256 * 1024 * 1024

/** Bytes of an app's snapshots, and how many they may have. */
export function appDisk({ store, config }: Context, name: string): { used: number; budget: number } {
  const releases = store.releases(name)
  const app = store.app(name)
  const spec = releases.find(one => one.number === app?.release)?.spec
  const budget = effectiveSettings(config, app?.settings ?? {}, spec).disk
  return { used: usedBy(store.snapshots(name), new Map(releases.map(one => [one.number, one.size]))), budget }
}

/** Bytes of all apps' snapshots and of what is copied to the data folder. */
export function hostDisk(context: Context): { used: number; budget: number } {
  return { used: context.layers.bytes + context.store.snapshotBytes, budget: context.config.disk }
}

/** @throws {Problem} 507 `disk_full` when the app, the host or the disk itself is full: no upload is taken then */
export async function refuseIfFull(context: Context, name: string): Promise<void> {
  const app = appDisk(context, name)
  if (app.used > app.budget) {
    throw full(
      `the snapshots of ${name} take ${mib(app.used)} MiB, more than the ${mib(app.budget)} MiB that it may have ("disk" of its settings); delete some with "dormice forget", or raise it`,
    )
  }
  const host = hostDisk(context)
  if (host.used > host.budget) {
    throw full(
      `all snapshots and copies take ${mib(host.used)} MiB, more than the ${mib(host.budget)} MiB of this host (DORMICE_DISK); delete apps or snapshots, or raise it`,
    )
  }
  await refuseUnlessRoom(context, 0)
}

/**
 * @param bytes that are to be written; the engine's disk is taken to be the data folder's
 * @throws {Problem} 507 `disk_full`
 */
export async function refuseUnlessRoom({ config }: Pick<Context, 'config'>, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(config.data)
  const left = bavail * bsize
  if (left >= bytes + reserve) return
  throw full(
    `the disk of the data folder has ${mib(left)} MiB left, and ${mib(bytes + reserve)} MiB are needed for this; make room on it`,
  )
}

function full(detail: string): Problem {
  return new Problem({ code: 'disk_full', status: 507, detail })
}

function mib(bytes: number): number {
  return Math.round(bytes / (1024 * 1024))
}
