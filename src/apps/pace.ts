import type { WakePart } from './lease.ts'

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

  /** A start succeeded. @param took its parts; for how long it waited until it could begin is none of them */
  note(took: readonly WakePart[]): void {
    this.#last.push(took.reduce((sum, { ms }) => sum + ms, 0))
    if (this.#last.length > lookedAt) this.#last.shift()
  }
}
