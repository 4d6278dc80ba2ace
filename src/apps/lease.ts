import type { Rules } from './rules.ts'
import type { State } from './standing.ts'

/** Where an awake instance is reached. */
export type Upstream = {
  host: string
  port: number
  /** Aborts when nobody is sent there any more, for the instance is to be stopped or was frozen: kept connections have no use. */
  over?: AbortSignal
}

/** How the instance came to be awake for the request that holds this lease. */
export type WakeInfo = {
  kind: 'cold' | 'frozen'
  /** Milliseconds from the request's arrival until the instance was ready. */
  ms: number
  /** What it consisted of, one after the other. */
  parts?: readonly WakePart[]
}

/**
 * A part of a wake, ms: until the engine was asked (for memory, for a turn), until the container was created, until the
 * engine said that it runs, until its port answered; or until a frozen one went on.
 */
export type WakePart = { name: 'queue' | 'create' | 'start' | 'ready' | 'thaw'; ms: number }

/**
 * Why a lease is revoked whose instance has ended: nobody will accept a connection any more. Connections that there
 * are close by themselves, and may still have an answer on its way.
 */
export class InstanceGone extends Error {
  override name = 'InstanceGone'
  readonly code = 'EHOSTDOWN'
  /** Its network is gone: connections that there are do not close by themselves, and no answer comes. */
  readonly cutOff: boolean

  constructor({ cutOff = false } = {}) {
    super(cutOff ? 'the instance is out of reach' : 'the instance has ended')
    this.cutOff = cutOff
  }
}

/**
 * The right to send one request (or one upgraded connection) to an instance. While a lease is out the
 * instance is busy and will not be put to sleep.
 */
export type Lease = {
  readonly upstream: Upstream
  /** Set on the first request after a wake only. */
  readonly wake: WakeInfo | undefined
  /** How the instance came to be awake; undefined where no request's wake did it: a deploy, a restart of the host. */
  readonly awoke?: WakeInfo['kind'] | undefined
  /**
   * Aborts when the instance must go although it is busy (sleep by hand or deploy, after its drain time), or with
   * {@link InstanceGone} when it has ended by itself.
   */
  readonly revoked: AbortSignal
  /**
   * Tells that the lease is for an upgraded connection now, which may have no end: who puts the instance to sleep does
   * not wait for it, and revokes it when no request is left. Its holder gives it back at once then, and leaves the
   * connection to the app, which says goodbye when it is told to stop.
   */
  upgraded?(): void
  /** Gives the lease back; later calls do nothing. */
  release(): void
  /** Gives it back without a request having been sent: the next one is the first after the wake. */
  unused?(): void
}

/** What is known of an app's next wake, or of the one that goes on. */
export type Forecast = {
  state: State | 'waiting-for-memory'
  /** ms that its start is expected to take, by its last ones; undefined: there was none yet. */
  expected: number | undefined
}

/** What the edge needs of an app's instance. */
export interface Leasable {
  /** What its requests are held to; undefined: nothing. Another object after every change, and only then. */
  readonly rules?: Rules | undefined
  /** Claims the instance if it is awake, in one synchronous step; undefined when it must be woken first. */
  lease(): Lease | undefined
  /**
   * Like {@link lease}, for a request that is no activity: while it runs the instance is not stopped, but neither does
   * it count as busy, nor as used afterwards. Undefined unless it is awake; one that falls asleep goes on doing so.
   * Throws `Problem`: 503 `app_crashed`, 503 `app_lost`, when it would not wake either.
   */
  quietLease(): Lease | undefined
  readonly forecast: Forecast
  /**
   * Waits for the instance to be awake and claims it. Concurrent callers share one wake.
   * Throws `Problem`: 503 `queue_full` (too many are waiting), 504 `wake_timeout`, 503 `app_crashed`,
   * 503 `no_memory`, 503 `engine_unavailable`, each with `retryAfter`; 404 `no_release`.
   * When the signal aborts (the client left), rejects with its reason and the place in the queue is free.
   */
  acquire(signal: AbortSignal): Promise<Lease>
  /**
   * Nobody accepted a connection of a lease. Resolves once it was looked whether the instance still runs; if it does
   * not, the next lease wakes it. Throws `Problem` 503 `engine_unavailable`.
   */
  unreachable?(): Promise<void>
}
