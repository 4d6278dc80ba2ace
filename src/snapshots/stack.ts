import { LRUCache } from 'lru-cache'
import type { DiffId } from '../engine/engine.ts'
import { BaseIndex } from '../layers/base-index.ts'
import type { LayerStore } from '../layers/layer-store.ts'

/** Bytes of memory for them, roughly. */
const maxSize = 64 * 1024 * 1024

/** Layers are named by what they hold, so what a stack of them has never changes. */
const bases = new LRUCache<string, BaseIndex>({ max: 4, maxSize, sizeCalculation: base => base.weight })

/** What a stack of layers in the data folder, bottom first, has at which path. */
export async function baseOf(layers: LayerStore, stack: readonly DiffId[]): Promise<BaseIndex> {
  const key = stack.join()
  const known = bases.get(key)
  if (known) return known
  const base = await BaseIndex.of(await Promise.all(stack.map(layer => layers.listing(layer))))
  bases.set(key, base)
  return base
}
