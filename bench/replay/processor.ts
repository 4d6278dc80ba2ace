import type { VirtualTime } from './virtual-time.ts'

type Task = { left: number; done: () => void }

/** What is left of a task that is taken to be done, ms: less than rounding leaves. */
const nothing = 1e-6

/** Some cores that all that goes on shares evenly, none of it on more than one: the more goes on, the longer each takes. */
export class Processor {
  readonly #time: VirtualTime
  readonly #cores: number
  readonly #tasks = new Set<Task>()
  #at = 0
  /** Counts the changes of what goes on: what was planned before one of them does not come to pass. */
  #changes = 0

  constructor(time: VirtualTime, cores: number) {
    this.#time = time
    this.#cores = cores
  }

  /** Resolves once it has had so many ms of a core. */
  work(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#advance()
    this.#tasks.add({ left: ms, done: resolve })
    this.#plan()
    return promise
  }

  get #speed(): number {
    return Math.min(this.#cores / this.#tasks.size, 1)
  }

  #advance(): void {
    const done = (this.#time.now() - this.#at) * this.#speed
    this.#at = this.#time.now()
    for (const task of this.#tasks) task.left -= done
  }

  #plan(): void {
    const change = ++this.#changes
    let least = Number.POSITIVE_INFINITY
    for (const { left } of this.#tasks) least = Math.min(least, left)
    if (this.#tasks.size === 0) return
    this.#time.after(Math.max(least, 0) / this.#speed, () => {
      if (change !== this.#changes) return
      this.#advance()
      for (const task of this.#tasks) {
        if (task.left > nothing) continue
        this.#tasks.delete(task)
        task.done()
      }
      this.#plan()
    })
  }
}
