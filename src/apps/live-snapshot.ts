import type { Snapshot, SnapshotReason } from '../store/records.ts'
import type { Context } from './context.ts'
import { commitAs, isSameDisk } from './sleep.ts'

/**
 * Takes a snapshot of a running app without stopping it: its container is frozen while its disk is read, and stays
 * the truth. Undefined when it has written nothing since it woke, or keeps nothing.
 */
export async function takeLive(
  context: Context,
  app: string,
  container: string,
  reason: SnapshotReason,
): Promise<Snapshot | undefined> {
  const { engine, store, step } = context
  const launch = store.launch(app)
  if (!launch) throw new Error(`${app} has a container and no release`)
  if (launch.release.spec.state === 'discard') return undefined
  step('snapshot.begun')
  const { generation } = launch.app
  const { image, snapshot } = await commitAs(context, launch, container, { generation, reason, live: true })
  if (!image) return undefined
  step('snapshot.committed')
  const last = store.liveSnapshot(launch.app)
  // It may have been deleted while it was looked at.
  if (last && (await isSameDisk(context, last, image)) && store.snapshot(app, last.number)) {
    await engine.removeImage(snapshot.image)
    return last
  }
  store.addLiveSnapshot(snapshot)
  step('snapshot.recorded')
  return snapshot
}
