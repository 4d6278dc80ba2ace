import { LRUCache } from 'lru-cache'

/** What the engine's events tell of containers that end. Times are ms of `performance.now()`. */
export class Deaths {
  readonly #how = new LRUCache<string, string>({ max: 256 })
  #heardFrom = Number.POSITIVE_INFINITY

  /** A container ended; kept for an instance that is just waking and does not know its container yet. */
  note(container: string, how: string): void {
    this.#how.set(container, how)
  }

  /** How a container ended lately; it may have run again since. */
  of(container: string): string | undefined {
    return this.#how.get(container)
  }

  /** From now on events are heard, or they are not. */
  hears(hearing: boolean): void {
    this.#heardFrom = hearing ? performance.now() : Number.POSITIVE_INFINITY
  }

  /** Whether all that ended since then under an engine that went on running was told of, or will be in a moment. */
  heardSince(time: number): boolean {
    return this.#heardFrom <= time
  }
}
