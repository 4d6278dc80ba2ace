import pLimit from 'p-limit'

/** What a look needs of an instance whose background work counts. */
export interface Watchable {
  readonly name: string
  readonly sleepAfter: number
  /**
   * Asks the engine whether it has worked in the background since it was last asked; undefined: too early to say, or the
   * engine does not answer. Never rejects.
   */
  works(): Promise<boolean | undefined>
}

/** Longest time between two looks at one instance, ms: connections that come and go in between are not seen. */
const longestBetween = 5_000
/** Looks at one time. */
const atOnce = 4

/** When instances were last looked at, and what was found. Times are ms of one clock that only grows. */
export class Looks {
  readonly #line = pLimit(atOnce)
  readonly #last = new Map<string, { at: number; over: boolean; works: boolean }>()

  /** Whether the last look found it at work. */
  works(name: string): boolean {
    return this.#last.get(name)?.works ?? false
  }

  /**
   * Looks, if it is time to or `now` must be known how it is; undefined: not now, or a look goes on. The look's outcome
   * is undefined when it says nothing: see {@link Watchable.works}, or the instance was forgotten meanwhile.
   */
  look(instance: Watchable, now: number, must: boolean): Promise<boolean | undefined> | undefined {
    const last = this.#last.get(instance.name)
    if (last && !last.over) return undefined
    if (last && !must && now - last.at < Math.min(longestBetween, instance.sleepAfter / 4)) return undefined
    const look = { at: now, over: false, works: last?.works ?? false }
    this.#last.set(instance.name, look)
    return this.#line(async () => {
      const works = await instance.works()
      look.over = true
      if (this.#last.get(instance.name) !== look) return undefined
      look.works = works ?? look.works
      return works
    })
  }

  /** It is not looked at any more; what a look that goes on finds is of no interest. */
  forget(name: string): void {
    this.#last.delete(name)
  }
}
