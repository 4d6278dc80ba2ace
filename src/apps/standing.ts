import type { Context } from './context.ts'
import type { Lease, WakeInfo } from './lease.ts'
import { Leases } from './leases.ts'
import { Visits } from './visits.ts'
import type { Running } from './wake.ts'

export type State = 'asleep' | 'waking' | 'awake' | 'frozen' | 'falling-asleep' | 'crashed' | 'lost'

/** A container that answers, since when (ms of `performance.now()`), and who was sent to it. */
export type Live = Running & { since: number; leases: Leases }

/** How an instance stands: its state and, while it runs, its container and the leases. What follows is for others. */
export class Standing {
  readonly name: string
  readonly #context: Context
  #state: State = 'asleep'
  #live: Live | undefined
  #lastUsed: number | undefined
  readonly visits = new Visits()
  /** Its app is deleted or being deleted: it never wakes again. */
  deleted = false

  constructor(context: Context, name: string) {
    this.#context = context
    this.name = name
    this.#lastUsed = context.store.app(name)?.lastUsed ?? undefined
  }

  get state(): State {
    return this.#state
  }

  get live(): Live | undefined {
    return this.#live
  }

  /** When it last woke or a lease came back, epoch ms; undefined: never. Kept across restarts as of its last sleep. */
  get lastUsed(): number | undefined {
    return this.#lastUsed
  }

  become(state: State): void {
    if (this.#state === state) return
    this.#state = state
    this.#context.changes.emit('change', this.name)
  }

  lease(): Lease | undefined {
    const live = this.#live
    if (live === undefined) return undefined
    if (this.#state === 'falling-asleep' && live.leases.cancel()) this.become('awake')
    if (this.#state !== 'awake') return undefined
    this.#context.keeper.touch(this.name)
    this.visits.note(performance.now())
    return live.leases.take()
  }

  quietLease(): Lease | undefined {
    return this.#state === 'awake' ? this.#live?.leases.takeQuietly() : undefined
  }

  /** Refuses new leases and waits until none is out; what still runs after `timeout` ms is cut. */
  async drain(options: { cancellable: boolean; timeout: number }): Promise<'drained' | 'cancelled'> {
    if (!this.#live) return 'drained'
    this.become('falling-asleep')
    return this.#live.leases.drain(options)
  }

  awake(running: Running, wakeInfo: WakeInfo | undefined): void {
    this.#begin(running, performance.now(), wakeInfo)
  }

  #begin(running: Running, since: number, wakeInfo: WakeInfo | undefined): void {
    const { now, log, wakes } = this.#context
    this.#lastUsed = now()
    this.#live = this.#toLive(running, since, wakeInfo)
    this.become('awake')
    if (wakeInfo) wakes.note(this.name, wakeInfo, 'awake')
    log.info('awake', { app: this.name, kind: wakeInfo?.kind, ms: wakeInfo && Math.round(wakeInfo.ms) })
  }

  #toLive(running: Running, since: number, wakeInfo: WakeInfo | undefined): Live {
    const { now, keeper } = this.#context
    const leases = new Leases(running.upstream, wakeInfo, () => {
      this.#lastUsed = now()
      keeper.poke()
    })
    return { ...running, since, leases }
  }

  /** It is found frozen: its container goes on as soon as somebody asks for it. */
  foundFrozen(running: Running): void {
    this.#live = this.#toLive(running, performance.now(), undefined)
    this.become('frozen')
  }

  /** The same container goes on. Connections from before are not used any more: the app finds them timed out. */
  thawed(wakeInfo: WakeInfo | undefined): void {
    const live = this.#live
    if (live === undefined) return
    const { leases, ...running } = live
    leases.close()
    this.#begin(running, live.since, wakeInfo)
  }

  /** It runs no container, and needs no memory. */
  asleep(): void {
    this.#live = undefined
    this.#context.keeper.release(this.name)
    this.become('asleep')
  }
}
