/** Share of its limit from which on an instance has as good as all of it. */
const nearly = 0.98
/** Looks in a row that find one so, until that is told: a peak is none of its operator's concern. */
const enough = 5

/** Which containers stay at their memory limits, where they have to read again what the kernel has just taken from them. */
export class AtLimit {
  readonly #seen = new Map<string, { hits: number; looks: number }>()

  /** Whether it is worth asking how often a container has hit its limit. Bytes. */
  concerns(container: string, { bytes, limit }: { bytes: number; limit: number }): boolean {
    const isFull = bytes >= limit * nearly
    if (!isFull) this.#seen.delete(container)
    return isFull
  }

  /**
   * It is full once more.
   *
   * @param hits how often it has hit its limit since it began
   * @returns true once for as long as it stays so
   */
  look(container: string, hits: number): boolean {
    const seen = this.#seen.get(container)
    const goesOn = seen !== undefined && hits > seen.hits
    const looks = goesOn ? seen.looks + 1 : 1
    this.#seen.set(container, { hits, looks })
    return looks === enough
  }

  /** Only these are up. */
  keep(containers: ReadonlySet<string>): void {
    for (const container of this.#seen.keys()) if (!containers.has(container)) this.#seen.delete(container)
  }
}
