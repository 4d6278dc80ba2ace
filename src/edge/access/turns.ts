/** How many at once, how many more may wait, and for how many ms. */
export type TurnLimits = {
  readonly concurrency: number
  readonly queue: number
  readonly queueTimeout: number
}

/** One that has its turn, or waits for it. */
export type Turn = {
  /** Its turn comes. */
  begin(): void
  /** It has waited for too long, and has left. */
  late(): void
}

/** What is looked at every now and then while somebody waits, ms. */
const period = 250

/**
 * Turns at something that only so many may have at a time: who comes first is first, and who waits may leave. The
 * limits are asked for again at every step, so that new ones apply to those who wait already.
 */
export class Turns {
  readonly #limits: () => TurnLimits
  readonly #now: () => number
  readonly #having = new Set<Turn>()
  /** Since when each waits, first come first. */
  readonly #waiting = new Map<Turn, number>()
  #timer: NodeJS.Timeout | undefined

  /** @param now ms that only grow */
  constructor(limits: () => TurnLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /** How many have their turn, and how many wait. */
  get load(): { having: number; waiting: number } {
    return { having: this.#having.size, waiting: this.#waiting.size }
  }

  /** Its turn begins now or when others have left; false: too many wait already. */
  enter(turn: Turn): boolean {
    const { concurrency, queue } = this.#limits()
    this.#advance(concurrency)
    if (this.#having.size < concurrency) {
      this.#having.add(turn)
      turn.begin()
      return true
    }
    if (this.#waiting.size >= queue) return false
    this.#waiting.set(turn, this.#now())
    this.#timer ??= setInterval(() => this.look(), period)
    return true
  }

  /** It is over, or waits no longer; later calls do nothing. */
  leave(turn: Turn): void {
    if (this.#having.delete(turn)) this.#advance(this.#limits().concurrency)
    else if (this.#waiting.delete(turn)) this.#rest()
  }

  /** Lets go who has waited for too long, and in who may come under limits that have changed. */
  look(): void {
    const { concurrency, queueTimeout } = this.#limits()
    this.#advance(concurrency)
    const now = this.#now()
    for (const [turn, since] of this.#waiting) {
      if (now - since < queueTimeout) break
      this.#waiting.delete(turn)
      turn.late()
    }
    this.#rest()
  }

  #advance(concurrency: number): void {
    while (this.#having.size < concurrency) {
      const [next] = this.#waiting.keys()
      if (next === undefined) break
      this.#waiting.delete(next)
      this.#having.add(next)
      next.begin()
    }
    this.#rest()
  }

  #rest(): void {
    if (this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
