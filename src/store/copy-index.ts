import type { DiffId } from '../engine/engine.ts'

/** Which images are copied and which layers they need, in memory: asked for after every sleep of any app. */
export class CopyIndex {
  readonly #images = new Map<string, readonly DiffId[]>()
  /** How many images need each layer. The strings are shared: most images are of the same layers. */
  readonly #layers = new Map<DiffId, { id: DiffId; images: number }>()

  has(image: string): boolean {
    return this.#images.has(image)
  }

  layers(): Set<DiffId> {
    return new Set(this.#layers.keys())
  }

  add(image: string, layers: readonly DiffId[]): void {
    this.delete(image)
    const shared = layers.map(id => {
      const known = this.#layers.get(id) ?? { id, images: 0 }
      known.images++
      this.#layers.set(known.id, known)
      return known.id
    })
    this.#images.set(image, shared)
  }

  delete(image: string): void {
    for (const id of this.#images.get(image) ?? []) {
      const known = this.#layers.get(id)
      if (known && --known.images === 0) this.#layers.delete(id)
    }
    this.#images.delete(image)
  }
}
