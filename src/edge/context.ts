import type { WakeInfo } from '../apps/lease.ts'
import type { Log } from '../log.ts'
import type { Dialer } from './dialer.ts'
import type { Limits } from './limits.ts'
import type { Notices } from './notices.ts'
import type { Outbox } from './outbox.ts'
import type { Pools } from './pools.ts'
import type { Proxies } from './proxies.ts'
import type { Roster, Running } from './roster.ts'

/** One request, when it is over. */
export type AccessRecord = {
  app: string
  method: string
  /** Without the query, which may hold secrets. */
  path: string
  requestId: string
  /** Version of HTTP, e.g. `1.1`. */
  protocol: string
  /** The address that it came from, as far as can be known. */
  visitor: string
  /** What the visitor was answered; 0 when they left, or were cut off, before an answer. */
  status: number
  /** Code of the edge's own answer, `answered` where that was no error; undefined when the app answered, or nobody. */
  code: string | undefined
  /** Bytes of the request's body that were taken in; for an upgraded connection, of what came through it. */
  received: number
  /** Bytes of the answer's body; for an upgraded connection, of what was sent through it. */
  sent: number
  /** Milliseconds from the request's arrival to the answer's last byte, or to the end of the tunnel. */
  ms: number
  /** The wake that it was held for; `none` too when it was held in vain. */
  wake: WakeInfo['kind'] | 'none'
  /** Milliseconds that it was held until its instance was awake; undefined when that was awake already. */
  wakeMs: number | undefined
  /** Milliseconds from sending it to the head of the app's answer; undefined without one. */
  upstreamMs: number | undefined
  /** The first request after a wake: the one that is told of it. */
  first: boolean
  /** Who ended it early; undefined when it ended as it should. */
  aborted: 'visitor' | 'app' | 'edge' | undefined
}

/**
 * A log, and optionally takers of one record per request to an app, and of the code of the answer to each that is for
 * none.
 */
export type EdgeLog = Log & { access?(record: AccessRecord): void; unrouted?(code: string): void }

/** What all requests of one edge share. */
export type EdgeContext = {
  readonly log: EdgeLog
  readonly notices: Notices
  readonly limits: Limits
  readonly dialer: Dialer
  readonly pools: Pools
  /** Undefined: nobody is in front, and every visitor is who connects. */
  readonly proxies: Proxies | undefined
  /** What answers over TLS say in Strict-Transport-Security; undefined: nothing. */
  readonly hsts: string | undefined
  /** Milliseconds that only grow. */
  readonly now: () => number
  /** File of the host's own waiting page, which need not be there. */
  readonly waitingTemplate: string | undefined
  readonly running: Roster
  readonly outbox: Outbox
  /** Takes a request off the roster. */
  ended(request: Running): void
  /** Set while the edge closes: connections take no further request. */
  draining: boolean
  /** Set once it breaks off what is left. */
  cutting: boolean
}
