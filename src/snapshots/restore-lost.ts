import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { restoreImage } from '../apps/restore.ts'
import { NotFound } from '../engine/engine.ts'
import { messageOf } from '../problem.ts'

/**
 * Makes an app's images again that the engine has lost, from their copies in the data folder: each in the app's turn,
 * so that none comes back of an app that is deleted meanwhile, nor under a name that is another one's by now.
 */
export async function restoreLost(
  context: Context,
  apps: Apps,
  app: string,
  images: readonly string[],
): Promise<{ restored: string[]; missing: string[] }> {
  const { store, engine } = context
  const isNamed = (image: string) =>
    store.app(app)?.deletedAt === null &&
    [...store.releases(app), ...store.snapshots(app)].some(one => one.image === image)
  const restored: string[] = []
  const missing: string[] = []
  for (const image of images) {
    await apps.find(app)?.undisturbed(async () => {
      if (!isNamed(image) || !(await isGone(context, image))) return
      const isBack = await restoreImage(context, image)
      // It was deleted while it was made again.
      if (!isNamed(image)) await engine.removeImage(image)
      else (isBack ? restored : missing).push(image)
    })
  }
  return { restored, missing }
}

async function isGone({ engine }: Context, image: string): Promise<boolean> {
  try {
    await engine.image(image)
    return false
  } catch (error) {
    if (error instanceof NotFound) return true
    throw error
  }
}

/** Like {@link restoreLost}, of all apps; what never had a copy is passed over, and what fails is logged. */
export async function restoreAllLost(context: Context, apps: Apps, signal: AbortSignal): Promise<void> {
  const { store, engine, log } = context
  const there = new Set((await engine.images()).flatMap(({ tags }) => tags))
  const lost = [...store.images()].filter(image => !there.has(image) && store.isCopied(image))
  for (const image of lost) {
    if (signal.aborted) return
    const app = store.copy(image)?.labels.app
    if (app === undefined) continue
    await restoreLost(context, apps, app, [image]).catch(error =>
      log.warn('restore_failed', { app, image, error: messageOf(error) }),
    )
  }
}
