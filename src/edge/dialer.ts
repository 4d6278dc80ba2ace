import { connect, type Socket } from 'node:net'
import type { InstanceGone, Upstream } from '../apps/lease.ts'

/** Makes the connections to instances. */
export class Dialer {
  readonly #timeout: number
  /** Those that nobody has accepted yet. */
  readonly #begun = new Map<Socket, Upstream>()
  readonly #accepted = new Map<Socket, Upstream>()

  /** @param timeout ms until an instance must have accepted a connection */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** Begins a connection; one that is not accepted in time ends with the error ETIMEDOUT. */
  dial(upstream: Upstream, { allowHalfOpen = false } = {}): Socket {
    const { host, port } = upstream
    const socket = connect({
      host,
      port,
      allowHalfOpen,
      noDelay: true,
      // So that an instance that vanished does not hold an exchange for ever.
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    })
    const late = () => socket.destroy(timedOut(this.#timeout))
    socket.setTimeout(this.#timeout, late)
    this.#begun.set(socket, upstream)
    socket.once('close', () => {
      this.#begun.delete(socket)
      this.#accepted.delete(socket)
    })
    socket.once('connect', () => {
      this.#begun.delete(socket)
      this.#accepted.set(socket, upstream)
      socket.off('timeout', late)
      socket.setTimeout(0)
    })
    return socket
  }

  /**
   * Ends the connections to an instance that has ended which nobody has accepted yet. They would not only wait in
   * vain: another app's instance may be given the address. Of one that is cut off it ends them all, the others as if
   * the instance had broken them off: what was sent over them may have been done.
   *
   * @param gone the error that those end with which nobody has accepted
   */
  giveUp(upstream: Upstream, gone: InstanceGone): void {
    const { host, port } = upstream
    for (const [socket, to] of this.#begun) if (to.host === host && to.port === port) socket.destroy(gone)
    // By now its address may be another one's, so that it does not tell them.
    if (gone.cutOff)
      for (const [socket, to] of this.#accepted) if (to === upstream) socket.destroy(brokenOff(gone))
  }
}

function timedOut(timeout: number): Error {
  return Object.assign(new Error(`no connection within ${timeout} ms`), { code: 'ETIMEDOUT' })
}

function brokenOff(gone: InstanceGone): Error {
  return Object.assign(new Error(gone.message), { code: 'ECONNRESET' })
}
