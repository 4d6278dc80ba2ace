import type { Overrun } from '../store/records.ts'
import type { Parts } from './parts.ts'
import { differing, type LimitName } from './settings.ts'

type Needed = Pick<Parts, 'context' | 'standing' | 'settings' | 'footprint'>

/** What an app may use of the machine, what it uses, and what it turns out to need. */
export class Resources {
  readonly #parts: Needed

  constructor(parts: Needed) {
    this.#parts = parts
  }

  /** Takes over what is stored of an app that has not run yet. */
  read(): void {
    this.#parts.footprint.read()
  }

  /** Bytes: what its processes have now, the most that it is known to need, and a limit that would fit better. */
  get memory(): Record<'now' | 'peak' | 'suggested', number | undefined> {
    const { footprint, settings } = this.#parts
    const { now, peak: before } = footprint
    // A look at a frozen app shows what it kept, also where none was taken before.
    const peak = now === undefined || before === undefined ? before : Math.max(now, before)
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

  /** The most that it may have, bytes: what its container was created with, or what is set. */
  get limit(): number {
    const { standing, settings } = this.#parts
    return (standing.live?.limits ?? settings.now).memory
  }

  /** It has as much memory as it may have, and wants more: its operator is told so. */
  reachedLimit(kind: Overrun['kind']): void {
    const { context, standing, footprint } = this.#parts
    footprint.reached(this.limit)
    context.overruns.note(standing.name, kind, this.limit)
  }

  /** Its processes have so many bytes now. @returns what it is to be charged for */
  has(bytes: number): number {
    const { standing, footprint } = this.#parts
    if (standing.state === 'frozen') return footprint.kept(bytes)
    const ranFor = performance.now() - (standing.live?.since ?? performance.now())
    return footprint.sample(bytes, { limit: this.limit, ranFor })
  }
}
