import type { Context } from '../apps/context.ts'
import type { Next } from '../apps/next.ts'
import { toSnapshot } from '../apps/sleep.ts'
import type { App, Release, Snapshot } from '../store/records.ts'
import type { Carrying } from './carrying.ts'
import { nextSnapshotImage, repeat } from './images.ts'
import { alreadyThere } from './problems.ts'

/** Makes of a sleeping app what it was at a snapshot: its release then, and its disk. */
export async function backToSnapshot(
  context: Context,
  app: App,
  release: Release,
  target: Snapshot,
): Promise<Next> {
  const { store, engine, now, step } = context
  if (app.snapshot === target.number) throw alreadyThere(app.name, `snapshot ${target.number}`)
  step('rollback.asleep')
  const { number, tag, labels } = nextSnapshotImage(context, app, release.number)
  const image = await repeat(context, app.name, target.image, { tag, labels })
  step('rollback.assembled')
  const record = toSnapshot({ app, release, size: release.size }, image, {
    number,
    generation: app.generation + 1,
    reason: 'rollback',
    tag,
    at: now(),
    source: target.number,
  })
  return {
    release,
    image: tag,
    size: image.size,
    flushed: image.flushed,
    commit: () => {
      step('rollback.started')
      store.rollBack(app.name, release.number, record)
      step('rollback.recorded')
    },
    discard: () => engine.removeImage(tag),
  }
}

/** Makes of a sleeping app an older release of itself, with what it has written until today. */
export function backToRelease(
  context: Context,
  app: App,
  release: Release,
  carrying: Carrying,
): Promise<Next> {
  const { store, step } = context
  if (app.release === release.number) throw alreadyThere(app.name, `release ${release.number}`)
  step('rollback.asleep')
  return carrying.next(app, 'rollback', snapshot => {
    step('rollback.started')
    store.rollBack(app.name, release.number, snapshot)
    step('rollback.recorded')
  })
}
