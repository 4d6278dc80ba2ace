import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import type { WakeTrace } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { wakesKept } from '../store/wake-store.ts'
import type { WakeInfo } from './lease.ts'

/** Traces that one sweep stores: so few that no request waits noticeably. */
const storedAtOnce = 50
/** Traces that wait to be stored while the store cannot take them. */
const maxWaiting = 1_000
/** How long traces wait for a moment in which no app wakes, ms. */
const patience = 10_000
/** How long the store is left alone after it could not take them, ms. */
const pause = 60_000

/**
 * How the apps' last wakes went. A trace is noted in memory, and stored later: whoever waits for a wake does not
 * wait for a disk. A crash loses those of the last seconds.
 */
export class WakeTraces implements Disposable {
  readonly #store: Store['wakes']
  readonly #log: Log
  readonly #now: () => number
  /** Those that are not in the store yet, oldest first. */
  #noted: WakeTrace[] = []
  /** Since when the oldest of them waits, epoch ms. */
  #since = 0
  #pausedUntil = 0
  #failing = false

  /** @param parts.now epoch ms */
  constructor({ store, log, now }: { store: Pick<Store, 'wakes'>; log: Log; now: () => number }) {
    this.#store = store.wakes
    this.#log = log
    this.#now = now
  }

  /**
   * A wake has ended.
   *
   * @param outcome `awake`, or the code of what went wrong
   * @param ended when, epoch ms
   */
  note(app: string, { kind, ms, parts = [] }: WakeInfo, outcome: string, ended = this.#now()): void {
    if (this.#noted.length === 0) this.#since = ended
    this.#noted.push({
      app,
      at: Math.round(ended - ms),
      kind,
      outcome,
      ms: toTenths(ms),
      parts: parts.map(part => ({ name: part.name, ms: toTenths(part.ms) })),
    })
    if (this.#noted.length > maxWaiting) this.#noted.shift()
  }

  /** An app's wakes, newest first. */
  of(app: string, limit = wakesKept): WakeTrace[] {
    const noted = this.#noted.filter(trace => trace.app === app).reverse()
    return [...noted, ...this.#store.of(app, limit)].slice(0, limit)
  }

  /** The app is gone: one of the same name begins with nothing. */
  forget(app: string): void {
    this.#noted = this.#noted.filter(trace => trace.app !== app)
  }

  /**
   * To be called every second or so: what was noted goes to the store, some of it each time.
   *
   * @param isQuiet whether no app is waking; otherwise the disk, for which the whole process waits, has time
   */
  sweep(isQuiet: boolean): void {
    const now = this.#now()
    if (this.#noted.length === 0 || now < this.#pausedUntil) return
    if (!isQuiet && now - this.#since < patience) return
    if (!this.#storeSome()) this.#pausedUntil = now + pause
  }

  /** Stores all that was noted. */
  [Symbol.dispose](): void {
    while (this.#noted.length > 0 && this.#storeSome());
  }

  /** False, said once until it works again, when the store could not take them. */
  #storeSome(): boolean {
    try {
      this.#store.add(this.#noted.slice(0, storedAtOnce))
      this.#noted.splice(0, storedAtOnce)
      this.#failing = false
      return true
    } catch (error) {
      if (!this.#failing) this.#log.warn('wakes_not_stored', { error: messageOf(error) })
      this.#failing = true
      return false
    }
  }
}

function toTenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
