import type { Engine, Pressure } from '../engine/engine.ts'
import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import type { Keeper } from './keeper.ts'

/** Shares of the time that somebody waited for memory, from which on the machine is short of it, and below which it is not. */
const high = 0.1
const low = 0.05
/** How long it has to be, ms: a moment of it does no harm. */
const lasting = 5_000
/** With this share of its memory available, a machine is not short of it: somebody waits at a limit of its own. */
const plenty = 0.2
/** What each of the keeper's own moves may have others wait for, ms: a thaw reads back what a freeze has taken. */
const excused = 200
/** Time between two that yield, ms; twice as long each time that it did not help. */
const pause = { shortest: 5_000, longest: 300_000 }
/** What is left of the waiting when it helped. */
const helped = 0.9
/** Two looks further apart than this say nothing of the time between, ms: the machine was suspended. */
const longestBetween = 60_000

type Parts = {
  engine: Pick<Engine, 'pressure'>
  keeper: Pick<Keeper, 'moves' | 'yieldOne'>
  log: Pick<Log, 'warn'>
}

/** A look at the machine: when, ms; what it found; how many moves the keeper had made. */
type Sample = Pressure & { at: number; moves: number }

/**
 * Has idle instances yield while the machine is short of memory, also where the budget is not used up: it may be too
 * large for the machine, or other programs have grown. One at a time, and ever more rarely where that does not help:
 * then it is somebody else's shortage, and no reason to put everything to sleep.
 */
export class PressureWatch {
  readonly #parts: Parts
  readonly #now: () => number
  #last: Sample | undefined
  /** Since when the machine is short of memory. */
  #since: number | undefined
  #pause = pause.shortest
  /** When one yielded last in this shortage, and the share of the time that was waited then. */
  #yielded: { at: number; share: number } | undefined
  #looking: Promise<void> | undefined

  /** @param now ms of a clock that only grows */
  constructor(parts: Parts, now: () => number) {
    this.#parts = parts
    this.#now = now
  }

  /** Called every few seconds; never rejects. Later calls join one that is under way. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch(error => this.#parts.log.warn('pressure_not_seen', { error: messageOf(error) }))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async #look(): Promise<void> {
    const { engine, keeper } = this.#parts
    const found = await engine.pressure()
    const last = this.#last
    this.#last = found && { ...found, at: this.#now(), moves: keeper.moves }
    if (this.#last && last) this.#judge(last, this.#last)
  }

  #judge(last: Sample, sample: Sample): void {
    const { at, available } = sample
    const time = at - last.at
    if (time <= 0 || time > longestBetween) return
    const stalled = sample.stalled - last.stalled - excused * (sample.moves - last.moves)
    const share = Math.max(stalled, 0) / time
    if (available >= plenty || share < low) {
      this.#since = undefined
      this.#yielded = undefined
      this.#pause = pause.shortest
      return
    }
    if (share >= high) this.#since ??= last.at
    if (this.#since === undefined || at - this.#since < lasting) return
    if (this.#yielded && at - this.#yielded.at < this.#pause) return
    this.#makeOneYield(at, share, available)
  }

  #makeOneYield(at: number, share: number, available: number): void {
    const { keeper, log } = this.#parts
    const isFutile = this.#yielded !== undefined && share > this.#yielded.share * helped
    this.#pause = isFutile ? Math.min(this.#pause * 2, pause.longest) : pause.shortest
    this.#yielded = { at, share }
    const yielding = keeper.yieldOne()
    log.warn('machine_short_of_memory', {
      app: yielding?.who,
      move: yielding?.move ?? 'nobody can yield',
      waitedFor: share.toFixed(2),
      available: available.toFixed(2),
    })
  }
}
