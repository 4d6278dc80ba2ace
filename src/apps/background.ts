import { type Engine, EngineUnavailable, NotFound } from '../engine/engine.ts'
import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import type { EffectiveSettings } from './settings.ts'

/**
 * Share of a core from which on an app works. No setting, for there is little in between: a server that waits for
 * requests uses 0.002 of one (Node), a job most of a whole one.
 */
const workingShare = 0.05

/** Up to which age an earlier look says how much was used of late, ms; looks are a few seconds apart. */
const oldest = 30_000

type Parts = {
  engine: Pick<Engine, 'cpuTime' | 'outbound'>
  log: Pick<Log, 'warn'>
  /** ms of a clock that only grows. */
  now: () => number
}

/** What an app does without being asked, as far as its setting `idle` says that it counts. */
export class Background {
  readonly #app: string
  readonly #parts: Parts
  #last: { container: string; cpuTime: number; at: number } | undefined
  /** Settings of `idle` that were said not to be possible here. */
  readonly #told = new Set<string>()

  constructor(app: string, parts: Parts) {
    this.#app = app
    this.#parts = parts
  }

  /**
   * Whether the container has worked since it was last asked; undefined: too early to say, or the engine cannot be
   * reached. Where it cannot be seen, requests alone count. Never rejects.
   */
  async works(
    container: string,
    { idle, cpu }: Pick<EffectiveSettings, 'idle' | 'cpu'>,
  ): Promise<boolean | undefined> {
    try {
      const { engine } = this.#parts
      if (idle === 'requests') return false
      if (idle === 'cpu') return this.#usedCpu(container, await engine.cpuTime(container), cpu)
      const open = await engine.outbound(container)
      return open === undefined ? this.#notSeen(idle, 'no process of it is seen from here') : open > 0
    } catch (error) {
      if (error instanceof EngineUnavailable) return undefined
      return error instanceof NotFound ? false : this.#notSeen(idle, messageOf(error))
    }
  }

  /** @param limit cores that it may use */
  #usedCpu(container: string, cpuTime: number | undefined, limit: number): boolean | undefined {
    if (cpuTime === undefined) return this.#notSeen('cpu', 'the engine does not count it')
    const at = this.#parts.now()
    const last = this.#last
    this.#last = { container, cpuTime, at }
    if (last?.container !== container || at - last.at > oldest) return undefined
    return cpuTime - last.cpuTime > Math.min(workingShare, limit / 2) * (at - last.at)
  }

  #notSeen(idle: string, error: string): false {
    if (!this.#told.has(idle)) this.#parts.log.warn('background_not_seen', { app: this.#app, idle, error })
    this.#told.add(idle)
    return false
  }
}
