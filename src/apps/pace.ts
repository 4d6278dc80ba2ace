/** How many of an app's last starts are looked at. */
const lookedAt = 5

/**
 * How long the last starts of what an app runs took; in memory, so that nothing is known when the host has
 * just started.
 */
export class Pace {
  readonly #last: number[] = []

  /**
   * ms that the next start is expected to take: as long as the middle one of the last; undefined: there was
   * none.
   */
  get expected(): number | undefined {
    return this.#last.toSorted((a, b) => a - b)[this.#last.length >> 1]
  }

  /** Times a start, if it succeeds. */
  async timed<T>(start: () => Promise<T>): Promise<T> {
    const began = performance.now()
    const started = await start()
    this.#last.push(performance.now() - began)
    if (this.#last.length > lookedAt) this.#last.shift()
    return started
  }
}
