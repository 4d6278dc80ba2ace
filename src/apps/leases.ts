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
  readonly #over = new AbortController()
  #out = 0
  /** How many of them are no activity. */
  #quiet = 0
  /** How many of them are for upgraded connections. */
  #upgraded = 0
  #wake: WakeInfo | undefined
  readonly #awoke: WakeInfo['kind'] | undefined
  #drain: { cancellable: boolean; settle: (outcome: Outcome) => void } | undefined

  /**
   * @param wake handed to the first lease only
   * @param returned called when a lease came back that was activity
   */
  constructor(upstream: Upstream, wake: WakeInfo | undefined, returned: () => void) {
    this.#upstream = { ...upstream, over: this.#over.signal }
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

  /** How many of them make the instance busy. */
  get busy(): number {
    return this.#out - this.#quiet
  }

  take(): Lease {
    const wake = this.#wake
    this.#wake = undefined
    return this.#give(wake, this.#returned)
  }

  /** A lease that a drain waits for as for any other, but that is no activity; see {@link busy}. */
  takeQuietly(): Lease {
    this.#quiet++
    return this.#give(undefined, () => {
      this.#quiet--
    })
  }

  #give(wake: WakeInfo | undefined, returned: () => void): Lease {
    this.#out++
    let out = true
    let upgraded = false
    const lease: Lease = {
      upstream: this.#upstream,
      wake,
      awoke: this.#awoke,
      revoked: this.#revoke.signal,
      upgraded: () => {
        if (!out || upgraded) return
        upgraded = true
        this.#upgraded++
        this.#revokeUpgraded()
      },
      release: () => {
        if (!out) return
        out = false
        this.#out--
        if (upgraded) this.#upgraded--
        if (this.#out === 0) this.#drain?.settle('drained')
        else this.#revokeUpgraded()
        returned()
      },
      unused: () => {
        if (out) this.#wake ??= wake
        lease.release()
      },
    }
    return lease
  }

  /**
   * Resolves when none is out. What is still out after `timeout` ms is revoked, upgraded connections as soon as
   * nothing else is; until then {@link cancel} ends a cancellable drain. The owner gives out no lease meanwhile.
   */
  drain({ cancellable, timeout }: { cancellable: boolean; timeout: number }): Promise<Outcome> {
    if (this.#out === 0) {
      this.close()
      return Promise.resolve('drained')
    }
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const timer = setTimeout(() => this.#revokeAll(), timeout)
    this.#drain = {
      cancellable,
      settle: outcome => {
        clearTimeout(timer)
        this.#drain = undefined
        if (outcome === 'drained') this.close()
        resolve(outcome)
      },
    }
    this.#revokeUpgraded()
    return promise
  }

  /** None is out, and none will be given any more: connections that are kept have no use. */
  close(): void {
    this.#over.abort()
  }

  /** The instance has ended by itself: who waits for a connection to it, or for an answer of it, need not go on. */
  ended(how: { cutOff: boolean }): void {
    this.#revoke.abort(new InstanceGone(how))
  }

  /** Ends a drain that may be cancelled; true when there was one. */
  cancel(): boolean {
    if (!this.#drain?.cancellable) return false
    this.#drain.settle('cancelled')
    return true
  }

  #revokeUpgraded(): void {
    if (this.#drain && this.#out === this.#upgraded) this.#revokeAll()
  }

  #revokeAll(): void {
    if (this.#drain) this.#drain.cancellable = false
    this.#revoke.abort()
  }
}
