import type { Context } from '../apps/context.ts'
import type { Change, DiffId } from '../engine/engine.ts'
import { changesOf as changesOfLayer } from '../layers/changes.ts'
import { inPortions, sorted } from '../layers/portions.ts'
import type { ChangeCounts, Snapshot } from '../store/records.ts'
import { copiedLayers } from './images.ts'
import { baseOf } from './stack.ts'

/** What a snapshot changed: the paths, as many as are kept, and how many there are. */
export type Changes = { changes: Change[]; total: ChangeCounts; truncated: boolean }

/** How many paths of a snapshot are kept. */
const maxPaths = 10_000
/** Characters that they may have together: all of them are stored, and answered with, at once. */
const maxText = 1024 * 1024

/**
 * What a snapshot changed; kept in the store, because its layers may be merged later.
 *
 * @throws {Problem} 409 `image_gone`
 */
export async function changesOf(context: Context, snapshot: Snapshot): Promise<Changes> {
  const { store } = context
  const known = store.changedPaths(snapshot)
  if (known && snapshot.changed) return toChanges(known, snapshot.changed)
  using _kept = context.layers.retain()
  const { layers } = await copiedLayers(context, snapshot.app, snapshot.image)
  const added = (await repeats(context, snapshot)) ? onRelease(context, snapshot, layers.length) : 1
  const found = await read(context, layers, layers.length - added)
  const total = count(found)
  const kept = firstOf(found)
  store.setChanged(snapshot, total, kept)
  return toChanges(kept, total)
}

/** Those of them that are kept. */
export function firstOf(changes: readonly Change[]): Change[] {
  let room = maxText
  const tooMany = changes.findIndex(({ path }, n) => {
    room -= path.length
    return n >= maxPaths || room < 0
  })
  return changes.slice(0, tooMany < 0 ? undefined : tooMany)
}

function toChanges(changes: Change[], total: ChangeCounts): Changes {
  const all = total.added + total.changed + total.deleted
  return { changes, total, truncated: changes.length < all }
}

/**
 * Whether a snapshot repeats what was written elsewhere, so that everything on its release counts; a sleep
 * adds one layer.
 */
async function repeats(
  { engine }: Context,
  { number, reason, source, image, generation }: Snapshot,
): Promise<boolean> {
  if (source !== null || reason === 'carried') return true
  if (reason === 'fork' || reason === 'import') return number === 1
  if (reason !== 'rollback') return false
  // The sleep before it, or what was put onto a release then: that is labelled as of the generation before.
  return (await engine.image(image)).labels.generation < generation
}

/** How many of a snapshot's layers lie on its release; 1 where that is not known. */
function onRelease({ store }: Context, { app, release }: Snapshot, layers: number): number {
  const below = store.release(app, release)?.layers ?? 0
  return below > 0 ? Math.max(1, layers - below) : 1
}

async function read({ layers }: Context, stack: readonly DiffId[], from: number): Promise<Change[]> {
  const kinds = new Map<string, Change['kind']>()
  for (let n = from; n < stack.length; n++) {
    const layer = stack[n]
    if (layer === undefined) break
    const below = await baseOf(layers, stack.slice(0, n))
    for (const { path, kind } of await changesOfLayer(await layers.listing(layer), below)) {
      const before = kinds.get(path)
      if (before === 'added' && kind === 'deleted') kinds.delete(path)
      else kinds.set(path, before === 'added' ? 'added' : before === 'deleted' ? 'changed' : kind)
    }
  }
  const changes = [...kinds].map(([path, kind]) => ({ path, kind }))
  return inPortions(sorted(changes, (a, b) => a.path < b.path))
}

function count(changes: readonly Change[]): ChangeCounts {
  const counts: ChangeCounts = { added: 0, changed: 0, deleted: 0 }
  for (const { kind } of changes) counts[kind]++
  return counts
}
