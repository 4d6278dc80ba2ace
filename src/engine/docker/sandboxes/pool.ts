import { setTimeout as sleep } from 'node:timers/promises'
import { Demand } from '../../../demand.ts'

/** How many sandboxes lie ready at least, and at most. */
export type PoolSize = { min: number; max: number }

export type PoolOptions<T> = PoolSize & {
  make: () => Promise<T>
  discard: (it: T) => Promise<void>
  /** How it went wrong; it is tried again later. */
  failed: (error: unknown) => void
  /** ms of a clock that only grows. */
  now: () => number
  /** How long nothing is made after the last that {@link Pool.during} ran, ms: what was started needs the machine. */
  calm: number
}

/**
 * How long making new ones stands back behind what {@link Pool.during} runs without a calm, ms; then it goes on beside it.
 * A rush is over by then: each that was made meanwhile would have taken from it what it saves one of them. Where many
 * go on starting one after the other, each is used again and again.
 */
const patience = 10_000
/** How long nothing is made after one could not be made, ms. */
const pause = 5_000

/**
 * What takes long to make and lies ready, each for one at a time: as many as were expected to be taken lately, within bounds.
 * None is made while somebody waits for what {@link during} runs, unless that goes on for long.
 */
export class Pool<T> implements AsyncDisposable {
  readonly #options: PoolOptions<T>
  readonly #ready: T[] = []
  readonly #demand = new Demand({ slot: 10_000, slots: 30 })
  readonly #closing = new AbortController()
  #filling: Promise<void> | undefined
  /** How many are just being made. */
  #making = 0
  #running = 0
  /** When what {@link during} ran began to be without a calm, and when the last of it ended. */
  #began = Number.NEGATIVE_INFINITY
  #ended = Number.NEGATIVE_INFINITY
  #misses = 0
  #open = false

  constructor(options: PoolOptions<T>) {
    this.#options = options
  }

  /** How many lie ready, and how many were asked for when there was none. */
  get counts(): { ready: number; misses: number } {
    return { ready: this.#ready.length, misses: this.#misses }
  }

  /** Those that lie ready. */
  get ready(): readonly T[] {
    return [...this.#ready]
  }

  /** Begins to make them. */
  open(): void {
    this.#open = true
    this.tend()
  }

  /** Somebody will take one when it is their turn. Until then all others who wait count too, or few would be ready. */
  expect(): void {
    this.#demand.add(this.#options.now())
  }

  /** One that nobody else gets; undefined when none is ready. */
  take(): T | undefined {
    const taken = this.#ready.shift()
    if (taken === undefined) this.#misses++
    // Only once the caller says, by `during`, whether others have to stand back.
    queueMicrotask(() => this.tend())
    return taken
  }

  /** Has back one that is as good as new. @returns false where enough lie ready, or none is wanted any more */
  put(it: T): boolean {
    const coming = this.#ready.length + this.#making
    const wanted = this.#open && !this.#closing.signal.aborted && coming < this.#target
    if (wanted) this.#ready.push(it)
    return wanted
  }

  /** Runs what has one, and what none is to be made beside. */
  async during<R>(run: () => Promise<R>): Promise<R> {
    const { now, calm } = this.#options
    if (this.#running === 0 && now() - this.#ended > calm) this.#began = now()
    this.#running++
    try {
      return await run()
    } finally {
      this.#running--
      this.#ended = this.#options.now()
    }
  }

  /** Takes out those for which the condition holds: they cannot be used. */
  drop(gone: (it: T) => boolean): void {
    const kept = this.#ready.filter(it => !gone(it))
    if (kept.length === this.#ready.length) return
    this.#ready.splice(0, Number.POSITIVE_INFINITY, ...kept)
    this.tend()
  }

  /** Begins to bring it to the size that it should have, if it has another; called every now and then. */
  tend(): void {
    if (!this.#open) return
    this.#filling ??= this.#fill()
      .catch(async error => {
        if (this.#closing.signal.aborted) return
        this.#options.failed(error)
        await this.#sleep(pause)
      })
      .finally(() => {
        this.#filling = undefined
      })
  }

  /** Discards all that lie ready, and makes no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#filling
    const left = this.#ready.splice(0)
    await Promise.all(left.map(it => this.#options.discard(it).catch(this.#options.failed)))
  }

  get #target(): number {
    const { min, max, now } = this.#options
    return Math.min(Math.max(this.#demand.peak(now()), min), max)
  }

  async #fill(): Promise<void> {
    while (!this.#closing.signal.aborted && this.#ready.length !== this.#target) {
      await this.#untilCalm()
      if (this.#closing.signal.aborted) return
      const spare = this.#ready.length > this.#target ? this.#ready.shift() : undefined
      if (spare !== undefined) await this.#options.discard(spare)
      else this.#ready.push(await this.#make())
    }
  }

  async #make(): Promise<T> {
    this.#making = 1
    try {
      return await this.#options.make()
    } finally {
      this.#making = 0
    }
  }

  async #untilCalm(): Promise<void> {
    const { now, calm } = this.#options
    for (;;) {
      const patient = this.#began + patience - now()
      const left = this.#running > 0 ? Math.max(calm, 1) : this.#ended + calm - now()
      if (left <= 0 || patient <= 0) return
      await this.#sleep(Math.min(left, patient))
      if (this.#closing.signal.aborted) return
    }
  }

  #sleep(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined)
  }
}
