import type { Log } from '../log.ts'

/** How long what happens again and again is only counted, ms. */
const period = 60_000

type Level = 'warn' | 'error'
type Kind = Readonly<Record<string, string | number>>
type Seen = { level: Level; event: string; kind: Kind; more: number }

/**
 * What goes wrong at the edge, for the log: a flood is a line for the first of a kind, and one a minute later for how
 * many there were. Which visitors and apps do is in the access records.
 */
export class Notices {
  readonly #log: Log
  readonly #seen = new Map<string, Seen>()
  #since: number

  /** @param now ms that only grow */
  constructor(log: Log, now: number) {
    this.#log = log
    this.#since = now
  }

  /**
   * Something happened that should be known.
   * @param kind what makes it one more of the same: of few different values
   * @param details about this one
   */
  warn(event: string, kind: Kind, details: Readonly<Record<string, unknown>> = {}): void {
    this.#tell('warn', event, kind, details)
  }

  error(event: string, kind: Kind, details: Readonly<Record<string, unknown>> = {}): void {
    this.#tell('error', event, kind, details)
  }

  /** To be called every now and then: tells what was only counted once a minute is over. */
  sweep(now: number): void {
    if (now - this.#since < period) return
    this.#since = now
    this.end()
  }

  /** Tells what was only counted. */
  end(): void {
    for (const { level, event, kind, more } of this.#seen.values()) {
      if (more > 0) this.#log[level](event, { ...kind, more })
    }
    this.#seen.clear()
  }

  #tell(level: Level, event: string, kind: Kind, details: Readonly<Record<string, unknown>>): void {
    const key = `${event} ${Object.values(kind).join(' ')}`
    const seen = this.#seen.get(key)
    if (seen) seen.more++
    else {
      this.#seen.set(key, { level, event, kind, more: 0 })
      this.#log[level](event, { ...kind, ...details })
    }
  }
}
