import { LRUCache } from 'lru-cache'
import type { DiffId } from '../engine/engine.ts'
import { BaseIndex } from '../layers/base-index.ts'
import type { LayerStore } from '../layers/layer-store.ts'

/** Layers are named by what they hold, so what a stack of them has never changes. */
const bases = new LRUCache<string, BaseIndex>({ max: 4 })

/** What a stack of layers in the data folder, bottom first, has at which path. */
export async function baseOf(layers: LayerStore, stack: readonly DiffId[]): Promise<BaseIndex> {
  const key = stack.join()
  const known = bases.get(key)
  if (known) return known
  const base = BaseIndex.of(await Promise.all(stack.map(layer => layers.listing(layer))))
  bases.set(key, base)
  return base
}
