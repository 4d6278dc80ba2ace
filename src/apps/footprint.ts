import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import type { App } from '../store/records.ts'

/**
 * What an instance costs besides what its processes use: its sandbox, its shim and its sandbox's, bytes. They were seen to
 * take 4.2 MB together for one that is awake and 4.6 for one that is frozen (`npm run bench -- density`).
 */
export const overhead = 4.5 * 1024 * 1024

/** Share of what was known before that a run with a lower peak leaves standing. */
const fading = 0.8
/** What limits that are suggested are multiples of, bytes. */
const step = 16 * 1024 * 1024
/**
 * How often a run has to be looked at until it is believed that it needs less: it may have been just starting. Where
 * nothing is known short runs count together: with little memory there may be no long one.
 */
const enough = 3
/** What an app of which nothing is known is taken to need: so often what it has, or what others need before it ever ran. */
const guess = 2
/** How long a run has to last until its peak counts while it goes on, ms. */
const settled = 30_000
/** Of those that run, one in so many is taken to reach its peak at one time. */
const spread = 4

/** Where it is kept what apps need, and who is told where that cannot be. */
type Ledger = {
  store: {
    app(name: string): Pick<App, 'peakMemory'> | undefined
    /** What apps of which that is known need on average, bytes; undefined: it is of none. */
    usualPeak(): number | undefined
    /** @param bytes the most that the app is known to need */
    needed(app: string, bytes: number): void
  }
  log: Pick<Log, 'warn'>
}

/**
 * How much memory an app turns out to need: the peak of what its instances had, learned over their runs. It fades, so
 * that an app that became smaller is believed in the end.
 */
export class Footprint {
  readonly #ledger: Ledger
  readonly #app: string
  /** Known from the runs before this one. */
  #before: number | undefined
  #learned: number | undefined
  #peak = 0
  #samples = 0
  #now: number | undefined

  constructor(ledger: Ledger, app: string) {
    this.#ledger = ledger
    this.#app = app
    this.read()
  }

  /** Takes over what is stored of an app that has not run yet. */
  read(): void {
    this.#before = this.#ledger.store.app(this.#app)?.peakMemory ?? undefined
    this.#learned = this.#before
  }

  /** Bytes that its processes had when they were last looked at; undefined: nobody has looked, or it does not run. */
  get now(): number | undefined {
    return this.#now
  }

  /** The most that it is known to need, bytes; undefined: nothing is known. */
  get peak(): number | undefined {
    return this.#peak > 0 ? Math.max(this.#peak, this.#learned ?? 0) : this.#learned
  }

  /** What its runs have shown that it needs, this one included if it goes on for long enough, bytes. */
  get known(): number | undefined {
    if (this.#samples >= enough) return this.#faded()
    return this.#before === undefined ? undefined : Math.max(this.#peak, this.#before)
  }

  /**
   * What is kept free for a start of it, bytes: a quarter more than its peak. While nothing is known it would take too many
   * others' places to keep all free that it may have: that is done where nothing is known of any app.
   */
  reserve(limit: number): number {
    if (this.#learned !== undefined) return overhead + Math.min(limit, Math.ceil(this.#learned * 1.25))
    const usual = this.#ledger.store.usualPeak()
    // It was seen, if at all, when it had just started.
    const guessed = usual === undefined ? limit : Math.ceil(Math.max(usual, this.#peak) * guess)
    return overhead + Math.min(limit, guessed)
  }

  /**
   * What is kept free for it to go on after it was frozen, bytes: half of what it has given back. It does not use all of
   * that again, least of all at once.
   */
  resume(limit: number): number {
    const left = this.#now ?? 0
    return overhead + left + Math.ceil(Math.max(this.#most(limit) - left, 0) / 2)
  }

  /** The most that a run is expected to need, bytes. */
  #most(limit: number): number {
    return this.#learned === undefined && this.#peak > 0
      ? Math.min(limit, this.#peak * guess)
      : this.reserve(limit) - overhead
  }

  /** A limit that fits better than the one it has, bytes: half more than its peak. Undefined: there is none. */
  suggest(limit: number): number | undefined {
    const { peak } = this
    if (peak === undefined) return undefined
    const fitting = Math.max(Math.ceil((peak * 1.5) / step) * step, 2 * step)
    // One that is only a little smaller is not worth a change.
    return fitting > limit || fitting <= limit / 2 ? fitting : undefined
  }

  /**
   * Its processes have so much now. One that has just started is charged what it is expected to need; one that has
   * settled what it has, and its share of what they all might come to need.
   *
   * @param ranFor ms since it woke
   * @returns what it is to be charged, bytes
   */
  sample(bytes: number, { limit, ranFor }: { limit: number; ranFor: number }): number {
    this.#now = bytes
    this.#samples++
    this.#peak = Math.max(this.#peak, bytes)
    if (ranFor >= settled) this.#learned = this.#faded()
    const more = Math.max(this.#most(limit) - bytes, 0)
    return overhead + bytes + (ranFor >= settled ? Math.ceil(more / spread) : more)
  }

  /** It is frozen, and so much is left of it, which says nothing of what it needs. @returns what it is to be charged, bytes */
  kept(bytes: number): number {
    this.#now = bytes
    return overhead + bytes
  }

  /** It wanted more than its limit, bytes: it needs all of that, however little of it was seen. */
  reached(limit: number): void {
    this.#peak = Math.max(this.#peak, limit)
    this.#samples = Math.max(this.#samples, enough)
  }

  /** The run is over: what it needed is noted. With a full disk it is only remembered until the host ends. */
  ended(): void {
    const before = this.#before
    this.#now = undefined
    this.#learned = this.known
    if (this.#learned === undefined) return
    this.#before = this.#learned
    this.#peak = 0
    this.#samples = 0
    if (this.#learned === before) return
    const { store, log } = this.#ledger
    try {
      store.needed(this.#app, this.#learned)
    } catch (error) {
      log.warn('peak_not_noted', { app: this.#app, error: messageOf(error) })
    }
  }

  /** What is known with this run, which fades what was known before it once. */
  #faded(): number {
    return Math.max(this.#peak, Math.floor((this.#before ?? 0) * fading))
  }
}
