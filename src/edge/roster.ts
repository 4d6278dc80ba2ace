import type { ServerResponse } from 'node:http'
import { InstanceGone, type Lease } from '../apps/lease.ts'
import type { Dialer } from './dialer.ts'

/** A request that is not over. */
export type Running = {
  readonly res: ServerResponse
  /** Where the roster keeps it; the roster's alone. */
  place: number
  /** The signal of the lease it holds, if it holds one. */
  readonly revoked?: AbortSignal | undefined
  /** Ends it because that signal has aborted. */
  revoke?(): void
  /** Called every now and then, to end it if it waits for the app for too long. */
  expire?(now: number): void
  /** Called when the edge takes no more requests: ends what has no end of its own. */
  wrapUp?(): void
}

/**
 * The requests that are not over. An array whose last member takes a leaver's place, and not a Set: one that changes
 * this often leaves its outgrown tables behind, which keep dead requests, with all they hold, through every minor
 * garbage collection. It cost a tenth of the processor.
 */
export class Roster {
  readonly #dialer: Dialer
  readonly #members: Running[] = []
  /** Signals that are listened to; one listener each, because adding and removing one per request is dear. */
  readonly #signals = new WeakSet<AbortSignal>()

  constructor(dialer: Dialer) {
    this.#dialer = dialer
  }

  get size(): number {
    return this.#members.length
  }

  add(member: Running): void {
    member.place = this.#members.push(member) - 1
  }

  remove(member: Running): void {
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    last.place = member.place
    this.#members[member.place] = last
  }

  /** Who is on it now; what the caller does to them may change it. */
  list(): Running[] {
    return this.#members.slice()
  }

  /**
   * Sees to it that whoever holds a lease like this one is revoked when its signal aborts. When that is because
   * the instance has ended, only who has no connection to it is told: others are when theirs closes. One whose network
   * is gone closes none.
   */
  watch({ revoked: signal, upstream }: Lease): void {
    if (this.#signals.has(signal)) return
    this.#signals.add(signal)
    signal.addEventListener('abort', () => {
      if (signal.reason instanceof InstanceGone) this.#dialer.giveUp(upstream, signal.reason)
      else for (const member of this.list()) if (member.revoked === signal) member.revoke?.()
    })
  }
}
