import type { AccessRecord } from '../edge/context.ts'
import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import type { TrafficHour } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { addFigures, Counters } from './figures.ts'

export const hourMs = 3_600_000
/** How long hours are kept, ms. */
const kept = 30 * 24 * hourMs
/** Hours that one sweep stores: so few that no request waits noticeably. */
const storedAtOnce = 50
/** Hours that wait to be stored while the store cannot take them. */
const maxClosed = 10_000
/** How long the store is left alone after it could not take them, ms. */
const pause = 60_000

/**
 * What each app was asked: the running hour in memory, those before in the store. A crash loses the running hour's
 * figures. Only apps that were asked something in the running hour take memory.
 */
export class Traffic implements Disposable {
  readonly #store: Store['traffic']
  readonly #log: Log
  readonly #now: () => number
  #hour: number
  #apps = new Map<string, Counters>()
  /** Hours that are over and not in the store yet. */
  #closed: TrafficHour[] = []
  #pausedUntil = 0
  readonly #unrouted = new Map<string, number>()

  /** @param parts.now epoch ms */
  constructor({ store, log, now }: { store: Pick<Store, 'traffic'>; log: Log; now: () => number }) {
    this.#store = store.traffic
    this.#log = log
    this.#now = now
    this.#hour = startOf(now())
  }

  /** A request is over. */
  add(record: AccessRecord): void {
    let counters = this.#apps.get(record.app)
    if (!counters) {
      counters = new Counters()
      this.#apps.set(record.app, counters)
    }
    counters.add(record)
  }

  /** A request came that is no app's. @param code of its answer: one of few */
  addUnrouted(code: string): void {
    this.#unrouted.set(code, (this.#unrouted.get(code) ?? 0) + 1)
  }

  /** Requests that were no app's, since the start, by the code of their answer. */
  get unrouted(): Record<string, number> {
    return Object.fromEntries(this.#unrouted)
  }

  /** An app's hours from `since` on, epoch ms, oldest first, the running one included. */
  hours(app: string, since: number): TrafficHour[] {
    const from = startOf(since)
    const counters = this.#apps.get(app)
    const inMemory = this.#closed.filter(each => each.app === app && each.hour >= from)
    if (counters && this.#hour >= from) inMemory.push({ app, hour: this.#hour, figures: counters.figures })
    const hours = new Map(this.#store.of(app, from).map(each => [each.hour, each]))
    for (const each of inMemory) {
      const stored = hours.get(each.hour)
      hours.set(each.hour, stored ? { ...each, figures: addFigures(stored.figures, each.figures) } : each)
    }
    return [...hours.values()].sort((a, b) => a.hour - b.hour)
  }

  /** The app is gone: one of the same name begins with nothing. */
  forget(app: string): void {
    this.#apps.delete(app)
    this.#closed = this.#closed.filter(each => each.app !== app)
  }

  /** To be called every second or so: once an hour is over it goes to the store, some of it each time. */
  sweep(): void {
    const hour = startOf(this.#now())
    if (hour !== this.#hour) this.#close(hour)
    if (this.#closed.length === 0 || this.#now() < this.#pausedUntil) return
    try {
      this.#storeSome()
      if (this.#closed.length === 0) this.#store.forgetBefore(hour - kept)
    } catch (error) {
      this.#log.warn('traffic_not_stored', { error: messageOf(error) })
      this.#pausedUntil = this.#now() + pause
    }
  }

  /** Stores the running hour; should it go on after a restart, it is added to. */
  [Symbol.dispose](): void {
    this.#close(this.#hour)
    try {
      while (this.#closed.length > 0) this.#storeSome()
    } catch (error) {
      this.#log.warn('traffic_not_stored', { error: messageOf(error) })
    }
  }

  #storeSome(): void {
    this.#store.add(this.#closed.slice(0, storedAtOnce), addFigures)
    this.#closed.splice(0, storedAtOnce)
  }

  #close(next: number): void {
    for (const [app, counters] of this.#apps) {
      this.#closed.push({ app, hour: this.#hour, figures: counters.figures })
    }
    this.#closed.splice(0, this.#closed.length - maxClosed)
    this.#apps = new Map()
    this.#hour = next
  }
}

function startOf(time: number): number {
  return time - (time % hourMs)
}
