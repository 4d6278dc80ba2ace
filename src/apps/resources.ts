import type { Parts } from './parts.ts'
import { differing, type LimitName } from './settings.ts'

/** What an app may use of the machine, what it uses, and what it turns out to need. */
export class Resources {
  readonly #parts: Pick<Parts, 'standing' | 'settings' | 'footprint'>

  constructor(parts: Pick<Parts, 'standing' | 'settings' | 'footprint'>) {
    this.#parts = parts
  }

  /** Takes over what is stored of an app that has not run yet. */
  read(): void {
    this.#parts.footprint.read()
  }

  /** Bytes: what its processes have now, the most that it is known to need, and a limit that would fit better. */
  get memory(): Record<'now' | 'peak' | 'suggested', number | undefined> {
    const { footprint, settings } = this.#parts
    const { now, peak } = footprint
    return { now, peak, suggested: footprint.suggest(settings.now.memory) }
  }

  /** Settings that its running container was created without: they apply once it has slept. */
  get pending(): LimitName[] {
    const { standing, settings } = this.#parts
    const limits = standing.live?.limits
    return limits ? differing(limits, settings.now) : []
  }

  /** What its runs have shown that it needs, bytes; undefined: nothing yet. */
  get needs(): number | undefined {
    return this.#parts.footprint.known
  }

  /** Its processes have so many bytes now. @returns what it is to be charged for */
  has(bytes: number): number {
    const { standing, settings, footprint } = this.#parts
    const { live } = standing
    const ranFor = performance.now() - (live?.since ?? performance.now())
    const { memory: limit } = live?.limits ?? settings.now
    return footprint.sample(bytes, { limit, ranFor, frozen: standing.state === 'frozen' })
  }
}
