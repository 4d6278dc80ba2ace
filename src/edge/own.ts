import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { takeRest } from './body.ts'
import type { EdgeContext } from './context.ts'
import type { Running } from './roster.ts'
import { Standstill } from './standstill.ts'

/** A request that is for no app, while it is answered: by the edge itself, or by the control API and the dashboard. */
export class OwnRequest implements Running {
  readonly res: ServerResponse
  place = -1
  readonly #context: EdgeContext
  readonly #req: IncomingMessage
  /** Node takes it from a request whose body somebody gives up reading. */
  readonly #socket: Socket
  readonly #standstill = new Standstill()

  constructor(context: EdgeContext, req: IncomingMessage, res: ServerResponse) {
    this.#context = context
    this.#req = req
    this.#socket = req.socket
    this.res = res
  }

  start(answer: RequestListener): void {
    const { running, draining, limits } = this.#context
    running.add(this)
    this.res.on('close', () => {
      this.#context.ended(this)
      if (!this.#req.complete) takeRest(this.#req, this.#socket, limits.linger)
    })
    if (draining) this.res.shouldKeepAlive = false
    answer(this.#req, this.res)
  }

  /** Whoever answers is told by the end of the connection. */
  expire(now: number): void {
    const { limits, notices } = this.#context
    const stalled = this.#standstill.ofVisitor(this.#req, this.res, limits, now)
    if (stalled === undefined) return
    notices.warn('edge_visitor_stalled', { app: 'dormice', at: stalled })
    this.#socket.destroy()
    // A stream's socket closes only when its visitor can be told.
    this.res.destroy()
  }
}
