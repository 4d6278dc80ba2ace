import { setImmediate as turn } from 'node:timers/promises'

type Event = { at: number; number: number; run: () => void }

/** A clock that jumps from one event to the next, so that a day takes as long as what happens in it. Times in ms. */
export class VirtualTime {
  #now = 0
  #count = 0
  /** A heap: no event is later than the two at twice its index + 1 and + 2. */
  readonly #events: Event[] = []

  readonly now = (): number => this.#now

  after(ms: number, run: () => void): void {
    const events = this.#events
    const event = { at: this.#now + ms, number: this.#count++, run }
    let at = events.push(event) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = events[above]
      if (parent === undefined || isBefore(parent, event)) break
      events[at] = parent
      at = above
    }
    events[at] = event
  }

  sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.after(ms, resolve)
    return promise
  }

  /** Aborts after so many ms. */
  readonly timeout = (ms: number): AbortSignal => {
    const controller = new AbortController()
    this.after(ms, () => controller.abort())
    return controller.signal
  }

  /** Runs what is due until then, each with all that follows from it at once. */
  async until(end: number, signal: AbortSignal): Promise<void> {
    for (let next = this.#events[0]; next !== undefined && next.at <= end; next = this.#events[0]) {
      signal.throwIfAborted()
      this.#drop()
      this.#now = next.at
      next.run()
      // Promises go on before the next turn of the loop.
      await turn()
    }
    this.#now = end
  }

  /** Takes the first away. */
  #drop(): void {
    const events = this.#events
    const last = events.pop()
    if (last === undefined || events.length === 0) return
    let at = 0
    for (;;) {
      const [left, right] = [events[2 * at + 1], events[2 * at + 2]]
      if (left === undefined) break
      const isLeft = right === undefined || isBefore(left, right)
      const child = isLeft ? left : right
      if (isBefore(last, child)) break
      events[at] = child
      at = 2 * at + (isLeft ? 1 : 2)
    }
    events[at] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number)
}
