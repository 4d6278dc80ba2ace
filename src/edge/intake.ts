import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { expectsContinue, hasBody } from './body.ts'
import { addressOf, type Connections } from './connections.ts'
import type { EdgeContext } from './context.ts'
import { DirectExchange } from './direct.ts'
import type { Exchange } from './exchange.ts'
import { isSafe } from './failures.ts'
import { IgnoredExchange } from './ignore/exchange.ts'
import { OwnRequest } from './own.ts'
import { sendAnswer } from './pages.ts'
import { PooledExchange } from './proxy.ts'
import type { Running } from './roster.ts'
import type { Route, Routed } from './router.ts'
import { afterAll } from './unreadable.ts'
import { losesBytes, mayUpgrade, UpgradeExchange } from './upgrade.ts'
import { WAKING_PATH } from './waiting/script.ts'
import { WakingExchange } from './waiting/stream.ts'

export type IntakeOptions = {
  context: EdgeContext
  connections: Connections
  route: (req: IncomingMessage) => Route
  /** Answers everything on `dormice.<domain>`. */
  control: RequestListener
}

/** Takes requests in, by whatever protocol they came, and begins what is to become of each. */
export class Intake {
  /** Requests to change the protocol that were taken in, until their connections are closed. */
  readonly tunnels = new Set<UpgradeExchange>()
  readonly #context: EdgeContext
  readonly #connections: Connections
  readonly #route: (req: IncomingMessage) => Route
  readonly #control: RequestListener

  constructor({ context, connections, route, control }: IntakeOptions) {
    this.#context = context
    this.#connections = connections
    this.#route = route
    this.#control = control
  }

  request(req: IncomingMessage, res: ServerResponse): void {
    const connections = this.#connections
    if (connections.isDistrusted(req.socket)) return
    if (req.headers.upgrade !== undefined && losesBytes(req)) {
      res.shouldKeepAlive = false
      connections.distrust(req.socket)
    }
    // Without a socket yet it stands behind another on its connection.
    const before = res.socket === null ? connections.standBehind(req, res) : undefined
    if (before && before.length >= this.#context.limits.pipelined - 1) {
      res.shouldKeepAlive = false
      connections.distrust(req.socket)
    }
    const found = this.#route(req)
    if (found.to === 'app') {
      if (before) this.#forwardInTurn(req, res, found.routed, before)
      else this.#exchange(req, res, found.routed).start()
    } else if (found.to === 'control') {
      req.url = found.path
      new OwnRequest(this.#context, req, res).start(this.#control)
    } else this.#answer(req, res, found)
  }

  /** Takes in a request whose sender waits to be asked for the body. */
  expecting(req: IncomingMessage, res: ServerResponse): void {
    // An app decides itself whether it wants the body; for control, which does not, it is asked for at once.
    if (this.#route(req).to === 'control') res.writeContinue()
    this.request(req, res)
  }

  /** Whether a request is one for {@link upgrade}. */
  isUpgrade(req: IncomingMessage): boolean {
    return mayUpgrade(req) && this.#route(req).to === 'app'
  }

  /** Takes in a request to change the protocol. @param head what came behind it */
  upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const found = this.#route(req)
    const connections = this.#connections
    // Behind a pipelined request that is not answered yet, the connection is not free to become something else.
    if (found.to !== 'app' || connections.isDistrusted(socket) || connections.unanswered(socket).length > 0) {
      socket.destroy()
      return
    }
    const exchange = new UpgradeExchange(this.#context, req, socket, head, found.routed)
    this.tunnels.add(exchange)
    socket.once('close', () => this.tunnels.delete(exchange))
    exchange.start()
  }

  #exchange(req: IncomingMessage, res: ServerResponse, routed: Routed): Exchange {
    const context = this.#context
    const { site, path } = routed
    if (path === WAKING_PATH && req.method === 'GET') return new WakingExchange(context, req, res, routed)
    if (expectsContinue(req) || (req.headers.trailer !== undefined && hasBody(req)))
      return new DirectExchange(context, req, res, routed)
    const ignore = site.target.rules?.ignore
    const ignoring = ignore && site.ignores(req, path, ignore)
    return ignoring
      ? new IgnoredExchange(context, req, res, routed, ignoring)
      : new PooledExchange(context, req, res, routed)
  }

  /**
   * Forwards a pipelined request: at once where it and all before it are safe, else after them (RFC 9112,
   * 9.3.2).
   */
  #forwardInTurn(
    req: IncomingMessage,
    res: ServerResponse,
    routed: Routed,
    before: readonly ServerResponse[],
  ): void {
    if (isSafe(req.method) && before.every(other => isSafe(other.req.method))) {
      this.#exchange(req, res, routed).start()
      return
    }
    // On the roster at once, so that a shutdown waits for it.
    const { running, ended } = this.#context
    const waiting: Running = { res, place: -1 }
    running.add(waiting)
    const left = () => ended(waiting)
    res.once('close', left)
    afterAll(before, () => {
      if (res.closed) return
      res.off('close', left)
      running.remove(waiting)
      this.#exchange(req, res, routed).start()
    })
  }

  #answer(
    req: IncomingMessage,
    res: ServerResponse,
    { answer, distrust = false }: Extract<Route, { to: 'edge' }>,
  ): void {
    const context = this.#context
    const { log, notices, draining } = context
    if (distrust) {
      this.#connections.distrust(req.socket)
      notices.warn('edge_request_refused', { status: answer.status }, addressOf(req.socket))
    }
    log.unrouted?.(answer.code ?? 'answered')
    new OwnRequest(context, req, res).start(() => sendAnswer(req, res, answer, draining || distrust))
  }
}
