import type { DiffId } from '../engine/engine.ts'
import type { BaseIndex } from '../layers/base-index.ts'
import { differenceOf } from '../layers/difference.ts'
import type { LayerStore } from '../layers/layer-store.ts'
import { Overlay } from '../layers/overlay.ts'
import { inPortions } from '../layers/portions.ts'

/** Bytes of the files that a stack of layers, bottom first, makes visible on a base. */
export async function liveBytes(
  layers: LayerStore,
  stack: readonly DiffId[],
  base: BaseIndex,
): Promise<number> {
  const overlay = new Overlay()
  for (const layer of stack) await inPortions(overlay.apply(await layers.listing(layer)))
  let bytes = 0
  const { names } = await inPortions(differenceOf(overlay, base))
  for (const { entry } of names.keys()) bytes += entry.size
  return bytes
}
