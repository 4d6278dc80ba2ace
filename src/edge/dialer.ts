import { connect, type Socket } from 'node:net'
import type { Upstream } from '../apps/lease.ts'

/** Makes the connections to instances. */
export class Dialer {
  readonly #timeout: number

  /** @param timeout ms until an instance must have accepted a connection */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** Begins a connection; one that is not accepted in time ends with the error ETIMEDOUT. */
  dial({ host, port }: Upstream, { allowHalfOpen = false } = {}): Socket {
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
    socket.once('connect', () => {
      socket.off('timeout', late)
      socket.setTimeout(0)
    })
    return socket
  }
}

function timedOut(timeout: number): Error {
  return Object.assign(new Error(`no connection within ${timeout} ms`), { code: 'ETIMEDOUT' })
}
