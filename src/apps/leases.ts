import { setMaxListeners } from 'node:events'
import { InstanceGone, type Lease, type Upstream, type WakeInfo } from './lease.ts'

type Outcome = 'drained' | 'cancelled'

/**
 * The leases of one awake period of an instance, and their drain. Claiming and counting is one synchronous step,
 * so a drain that found no lease out cannot be raced by one.
 */
export class Leases {
  readonly #upstream: Upstream
  readonly #returned: () => void
  readonly #revoke = new AbortController()
  #out = 0
  #wake: WakeInfo | undefined
  readonly #awoke: WakeInfo['kind'] | undefined
  #drain: { cancellable: boolean; settle: (outcome: Outcome) => void } | undefined

  /**
   * @param wake handed to the first lease only
   * @param returned called when a lease came back
   */
  constructor(upstream: Upstream, wake: WakeInfo | undefined, returned: () => void) {
    this.#upstream = upstream
    this.#wake = wake
    this.#awoke = wake?.kind
    this.#returned = returned
    // Every lease listens to it.
    setMaxListeners(0, this.#revoke.signal)
  }

  /** How many are out. */
  get out(): number {
    return this.#out
  }

  take(): Lease {
    this.#out++
    const wake = this.#wake
    this.#wake = undefined
    let out = true
    return {
      upstream: this.#upstream,
      wake,
      awoke: this.#awoke,
      revoked: this.#revoke.signal,
      release: () => {
        if (!out) return
        out = false
        this.#out--
        if (this.#out === 0) this.#drain?.settle('drained')
        this.#returned()
      },
    }
  }

  /**
   * Resolves when none is out. What is still out after `timeout` ms is revoked; until then {@link cancel} ends
   * a cancellable drain. The owner gives out no lease meanwhile.
   */
  drain({ cancellable, timeout }: { cancellable: boolean; timeout: number }): Promise<Outcome> {
    if (this.#out === 0) return Promise.resolve('drained')
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const timer = setTimeout(() => {
      if (this.#drain) this.#drain.cancellable = false
      this.#revoke.abort()
    }, timeout)
    this.#drain = {
      cancellable,
      settle: outcome => {
        clearTimeout(timer)
        this.#drain = undefined
        resolve(outcome)
      },
    }
    return promise
  }

  /** The instance has ended by itself: who waits for a connection to it need not go on. */
  ended(): void {
    this.#revoke.abort(new InstanceGone())
  }

  /** Ends a drain that may be cancelled; true when there was one. */
  cancel(): boolean {
    if (!this.#drain?.cancellable) return false
    this.#drain.settle('cancelled')
    return true
  }
}
