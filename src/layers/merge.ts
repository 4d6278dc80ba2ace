import { Readable } from 'node:stream'
import type { BaseIndex } from './base-index.ts'
import { differenceOf } from './difference.ts'
import { Overlay } from './overlay.ts'
import { type LayerReader, packed } from './pack.ts'
import { inPortions } from './portions.ts'

/**
 * One layer's plain tar that does to the base what the layers (bottom first) do one after the other. It keeps types,
 * modes, owners, times, contents, hard links, extended attributes and devices; whiteouts and opaque markers only
 * where the base has something for them to hide. Contents are streamed; memory goes with the number of entries.
 *
 * The stream fails with {@link LayerInvalid} if a layer is damaged.
 */
export function merge(layers: readonly LayerReader[], base: BaseIndex): Readable {
  return combine(layers, base, function* () {})
}

/** Like {@link merge}, of what `change` makes of the layers' tree by steps. */
export function combine(
  layers: readonly LayerReader[],
  base: BaseIndex,
  change: (overlay: Overlay) => Generator<void, void>,
): Readable {
  async function* tar() {
    const overlay = new Overlay()
    for (const layer of layers) await inPortions(overlay.apply(await layer.listing()))
    await inPortions(change(overlay))
    yield* packed(await inPortions(differenceOf(overlay, base)), layers)
  }
  return Readable.from(tar(), { objectMode: false })
}
