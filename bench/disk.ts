/** An image as the engine counts it. */
export type Stack = {
  /** Diff ids, bottom first. */
  layers: readonly string[]
  /** Bytes of all of its layers. */
  size: number
}

/**
 * Bytes that each image adds to those it is built on: its own layers down to the nearest other image's. Images with
 * the same layers count once. What images share without there being an image of just that is counted for each.
 *
 * @param base what none of the bytes of counts
 * @returns in the order of the images
 */
export function ownBytes(base: Stack, images: readonly Stack[]): number[] {
  const known = new Map([base, ...images].map(image => [keyOf(image.layers), image.size]))
  const counted = new Set([keyOf(base.layers)])
  return images.map(({ layers, size }) => {
    const key = keyOf(layers)
    if (counted.has(key)) return 0
    counted.add(key)
    for (let depth = layers.length - 1; depth >= 0; depth--) {
      const below = known.get(keyOf(layers.slice(0, depth)))
      if (below !== undefined) return size - below
    }
    return size
  })
}

/**
 * Disk in units of what an app may take: three times what its files are worth now, and what each kept snapshot
 * besides the current one changed. At most 1 is as it should be.
 */
export function overBudget({ disk, live, kept }: { disk: number; live: number; kept: number }): number {
  return disk / (3 * live + kept)
}

function keyOf(layers: readonly string[]): string {
  return layers.join(' ')
}
