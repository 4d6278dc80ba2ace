import type { Readable } from 'node:stream'
import { type BaseIndex, childIn } from './base-index.ts'
import type { Listing } from './listing.ts'
import { combine } from './merge.ts'
import { type Folder, type Node, newFolder, Overlay, partsOf, plainFolder } from './overlay.ts'
import type { LayerReader } from './pack.ts'
import { inPortions } from './portions.ts'

/**
 * The tar of {@link merge} for layers that move onto another base, in which some paths win: at those the base's own
 * version is what is seen, whatever the layers have there or hide. Everything else stays as the layers have it; what
 * they hid beside a winner stays hidden. Folders above a winner keep the layers' metadata; those that the layers
 * removed or replaced are the base's again.
 *
 * @param winners paths as in {@link Entry}; those that the base does not have are passed over. A folder that wins
 *   wins with its metadata, not with what is in it.
 */
export function carry(
  layers: readonly LayerReader[],
  base: BaseIndex,
  winners: ReadonlySet<string>,
): Readable {
  return combine(layers, base, function* (overlay) {
    for (const winner of winners) {
      reveal(overlay, base, winner)
      yield
    }
  })
}

/**
 * Whether layers have anything at a winner's path or hide it: if not, they can be put on another base just as they
 * are, to the same effect as {@link carry}.
 */
export function isTouched(layers: readonly Listing[], winners: ReadonlySet<string>): Promise<boolean> {
  return inPortions(touched(layers, winners))
}

function* touched(layers: readonly Listing[], winners: ReadonlySet<string>): Generator<void, boolean> {
  const overlay = new Overlay()
  for (const layer of layers) yield* overlay.apply(layer)
  for (const winner of winners) {
    yield
    let node: Node | undefined = overlay.root
    for (const part of partsOf(winner)) {
      if (node?.kind !== 'folder') break
      if (node.opaque) return true
      node = node.children.get(part)
    }
    // A folder above it was left with nothing said of what is in it.
    if (node !== undefined) return true
  }
  return false
}

function reveal(overlay: Overlay, base: BaseIndex, winner: string): void {
  const winning = base.node(winner)
  const parts = partsOf(winner)
  const name = parts.pop()
  if (!winning || name === undefined) return
  let folder = overlay.root
  let below = base.root
  for (const part of parts) {
    uncover(folder, below)
    const shown = childIn(below, part)
    // The layers have nothing here, so they hide nothing here.
    if (!folder.children.has(part) || shown?.kind !== 'folder') return
    folder = openedFolder(folder, part)
    below = shown
  }
  uncover(folder, below)
  if (winning.kind === 'leaf') folder.children.delete(name)
  else if (folder.children.has(name)) uncoverWinner(openedFolder(folder, name), winning)
}

function uncoverWinner(folder: Folder, winning: Folder): void {
  uncover(folder, winning)
  folder.entry = undefined
}

/** The folder of that name; what else hides the base there becomes a folder that hides all that the base has in it. */
function openedFolder({ children }: Folder, name: string): Folder {
  const child = children.get(name)
  if (child?.kind === 'folder') return child
  const opened = newFolder(undefined, true)
  children.set(name, opened)
  return opened
}

/** Lets an opaque folder hide each thing that the base has in it instead of all at once. */
function uncover(folder: Folder, below: Folder): void {
  if (!folder.opaque) return
  folder.opaque = false
  for (const [name, hidden] of below.children) {
    const child = folder.children.get(name)
    if (!child || (child.kind === 'folder' && !child.exists)) {
      folder.children.set(name, { kind: 'whiteout' })
    } else if (child.kind === 'folder' && hidden.kind === 'folder') {
      child.opaque = true
      child.entry ??= plainFolder('')
    }
  }
}
