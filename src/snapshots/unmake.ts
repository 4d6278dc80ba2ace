import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { releaseTag, snapshotTag } from '../apps/naming.ts'
import { messageOf } from '../problem.ts'

/** Removes a new app that could not be made, also where it was deleted before its images were there. */
export async function unmake({ store, engine, log }: Context, apps: Apps, app: string): Promise<void> {
  try {
    if (apps.find(app)) await apps.delete(app)
    for (const image of [releaseTag(store.hostId, app, 1), snapshotTag(store.hostId, app, 1)]) {
      await engine.removeImage(image)
    }
  } catch (error) {
    log.error('app_not_removed', { app, error: messageOf(error) })
  }
}
