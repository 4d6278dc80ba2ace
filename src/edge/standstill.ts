import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Limits } from './limits.ts'

/** What a visitor has left standing for too long. */
export type Stalled = 'body' | 'answer' | undefined

/** How long a count has stood still, looked at every now and then: that needs no timer for each connection. */
export class Standstill {
  #count = -1
  #since = 0

  /** For how many ms the count is what it is now, as far as was looked. */
  look(count: number, now: number): number {
    if (count !== this.#count) {
      this.#count = count
      this.#since = now
    }
    return now - this.#since
  }

  /**
   * Whether the visitor of a request has stopped: to send its body while somebody reads that, or to read the
   * answer. What stands because of the app is not theirs.
   */
  ofVisitor(req: IncomingMessage, res: ServerResponse, limits: Limits, now: number): Stalled {
    const { socket } = req
    if (!res.headersSent) {
      if (req.complete || !req.readableFlowing) this.#count = -1
      else if (this.look(socket.bytesRead, now) > limits.bodyTimeout) return 'body'
    } else if (res.socket !== null && this.isUnread(res.socket, limits, now)) return 'answer'
    return undefined
  }

  /** Whether bytes lie there for a connection that has taken none for too long. */
  isUnread(socket: Socket, { unreadTimeout }: Limits, now: number): boolean {
    if (socket.writableLength > 0)
      return this.look(socket.bytesWritten - socket.writableLength, now) > unreadTimeout
    this.#count = -1
    return false
  }
}
