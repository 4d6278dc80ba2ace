import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Leasable } from '../apps/lease.ts'
import type { Networks } from '../networks.ts'
import { expectsContinue, hasBody, takeRest } from './body.ts'
import { Connections } from './connections.ts'
import type { EdgeContext, EdgeLog } from './context.ts'
import { ControlRequest } from './control.ts'
import { isLoopback } from './crowd.ts'
import type { FindCustom } from './custom.ts'
import { Dialer } from './dialer.ts'
import { DirectExchange } from './direct.ts'
import type { Exchange } from './exchange.ts'
import { isSafe } from './failures.ts'
import { Http2Sessions } from './http2/sessions.ts'
import { IgnoredExchange } from './ignore/exchange.ts'
import type { Limits } from './limits.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { type Address, listen } from './listening.ts'
import { Notices } from './notices.ts'
import { Outbox } from './outbox.ts'
import { sendAnswer } from './pages.ts'
import { Pools } from './pools.ts'
import { Proxies } from './proxies.ts'
import { PooledExchange } from './proxy.ts'
import type { Running } from './roster.ts'
import { Roster } from './roster.ts'
import type { Routed } from './router.ts'
import { createRouter } from './router.ts'
import { Sites } from './site.ts'
import { TlsListener } from './tls/listener.ts'
import { redirecting } from './tls/plain.ts'
import type { CertificateSource } from './tls/source.ts'
import { afterAll, answerUnreadable } from './unreadable.ts'
import { losesBytes, mayUpgrade, UpgradeExchange } from './upgrade.ts'
import { WAKING_PATH } from './waiting/script.ts'
import { WakingExchange } from './waiting/stream.ts'

export type EdgeOptions = {
  /** The instance behind an app's name; undefined when there is no such app. Called for every request: a Map lookup. */
  resolve(app: string): Leasable | undefined
  /** Answers everything on `dormice.<domain>`. */
  control: RequestListener
  /** Apps are `<app>.<domain>`. Lower case. */
  domain: string
  /** What becomes of requests for hosts that are not below it. */
  custom?: FindCustom
  log: EdgeLog
  limits?: Partial<Limits>
  /** Proxies in front of the edge, whose X-Forwarded-* headers are taken for true. */
  trust?: Networks | undefined
  /** Undefined: there is no HTTPS. */
  tls?: EdgeTls | undefined
  /** File of a waiting page of the host's own, which need not be there: see `waiting/page.ts`. */
  waitingTemplate?: string | undefined
  /** Milliseconds that only grow. */
  clock?: { now(): number }
}

/** HTTPS of the edge. */
export type EdgeTls = {
  source: CertificateSource
  /** Seconds for which browsers are told to come by HTTPS only; undefined: they are told nothing. */
  hsts?: number | undefined
}

/** The public HTTP side: routes by Host, holds requests while their app wakes, forwards them. */
export type Edge = AsyncDisposable & {
  /** Begins to accept connections; port 0 takes a free one. Rejects when the address is taken. */
  listen(address: Address): Promise<AddressInfo>
  /** Begins to accept connections with TLS at another address. */
  listenTls(address: Address): Promise<AddressInfo>
  /** Where it listens; undefined before and after. */
  readonly address: AddressInfo | undefined
  /** What there is of everything now: visitors' connections, requests, addresses with kept connections to apps. */
  readonly load: { connections: number; requests: number; upstreams: number }
  /**
   * Accepts no more connections and requests and lets answers under way finish for at most `timeout` ms (10,000 unless
   * told), then breaks off those that are left. Tunnels go on: they end when their apps are told to stop.
   */
  drain(options?: { timeout?: number }): Promise<void>
  /**
   * Accepts no more connections and requests, ends tunnels, lets answers under way finish for at most `drain` ms
   * (10,000 unless told), then breaks off what is left. Later calls wait for the first.
   */
  close(options?: { drain?: number }): Promise<void>
}

/** Builds the edge; it accepts nothing before `listen`. */
export function createEdge({
  resolve,
  control,
  domain,
  custom,
  log,
  limits,
  trust,
  tls,
  waitingTemplate,
  clock = performance,
}: EdgeOptions): Edge {
  const bounds: Limits = { ...DEFAULT_LIMITS, ...limits }
  const { answerTimeout, bodyTimeout, unreadTimeout, farewell, keepAlive } = bounds
  const proxies = trust && new Proxies(trust)
  const connections = new Connections(
    bounds,
    address => isLoopback(address) || proxies?.has(address) === true,
  )
  const sites = new Sites(resolve)
  const routed = createRouter({ sites, domain, custom, targetBytes: bounds.targetBytes })
  const route = tls
    ? redirecting(routed, {
        source: tls.source,
        port: () => secure?.address?.port ?? 443,
        proxies,
      })
    : routed
  const tunnels = new Set<UpgradeExchange>()
  const dialer = new Dialer(bounds.connectTimeout)
  const running = new Roster(dialer)
  const context: EdgeContext = {
    log,
    notices: new Notices(log, clock.now()),
    limits: bounds,
    dialer,
    pools: new Pools(dialer, bounds),
    proxies,
    waitingTemplate,
    hsts: tls?.hsts === undefined ? undefined : `max-age=${tls.hsts}`,
    now: () => clock.now(),
    running,
    outbox: new Outbox(),
    ended(request) {
      running.remove(request)
      if (!context.draining) return
      // An answer begun as kept-alive leaves its connection open behind it.
      setImmediate(closeIdle)
      for (const each of watchers) each()
    },
    draining: false,
    cutting: false,
  }

  function onRequest(req: IncomingMessage, res: ServerResponse): void {
    if (connections.isDistrusted(req.socket)) return
    if (req.headers.upgrade !== undefined && losesBytes(req)) {
      res.shouldKeepAlive = false
      connections.distrust(req.socket)
    }
    // Without a socket yet it stands behind another on its connection.
    const before = res.socket === null ? connections.standBehind(req, res) : undefined
    if (before && before.length >= bounds.pipelined - 1) {
      res.shouldKeepAlive = false
      connections.distrust(req.socket)
    }
    const found = route(req)
    if (found.to === 'app') {
      if (before) forwardInTurn(req, res, found.routed, before)
      else forward(req, res, found.routed)
    } else if (found.to === 'control') {
      req.url = found.path
      new ControlRequest(context, req, res).start(control)
    } else {
      if (found.distrust) {
        connections.distrust(req.socket)
        context.notices.warn('edge_request_refused', { status: found.answer.status }, from(req.socket))
      }
      log.unrouted?.(found.answer.code ?? 'answered')
      sendAnswer(req, res, found.answer, context.draining || found.distrust === true)
      if (!req.complete) res.once('close', () => takeRest(req, bounds.linger))
    }
  }

  function forward(req: IncomingMessage, res: ServerResponse, routed: Routed): void {
    exchangeFor(req, res, routed).start()
  }

  function exchangeFor(req: IncomingMessage, res: ServerResponse, routed: Routed): Exchange {
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
  function forwardInTurn(
    req: IncomingMessage,
    res: ServerResponse,
    routed: Routed,
    before: readonly ServerResponse[],
  ): void {
    if (isSafe(req.method) && before.every(other => isSafe(other.req.method))) {
      forward(req, res, routed)
      return
    }
    // On the roster at once, so that a shutdown waits for it.
    const waiting: Running = { res, place: -1 }
    running.add(waiting)
    const left = () => context.ended(waiting)
    res.once('close', left)
    afterAll(before, () => {
      if (res.closed) return
      res.off('close', left)
      running.remove(waiting)
      forward(req, res, routed)
    })
  }

  function onUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const found = route(req)
    // Behind a pipelined request that is not answered yet, the connection is not free to become something else.
    if (found.to !== 'app' || connections.isDistrusted(socket) || connections.unanswered(socket).length > 0) {
      socket.destroy()
      return
    }
    const exchange = new UpgradeExchange(context, req, socket, head, found.routed)
    tunnels.add(exchange)
    socket.once('close', () => tunnels.delete(exchange))
    exchange.start()
  }

  const server = createServer({
    maxHeaderSize: bounds.headerBytes,
    headersTimeout: bounds.headersTimeout,
    // An upload may take as long as it likes; how long headers may take is bounded above.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(bounds.headersTimeout, 5_000),
    // Idle connections are looked for below.
    keepAliveTimeout: 0,
    // So that a visitor who vanished does not hold a lease for ever.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
    insecureHTTPParser: false,
    // A missing Host is answered here, like several of them.
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: req => mayUpgrade(req) && route(req).to === 'app',
  })
  // Bounded by their bytes already; Node would silently leave out those beyond the count.
  server.maxHeadersCount = 0
  server.on('request', onRequest)
  server.on('checkContinue', onControlContinue)
  server.on('upgrade', onUpgrade)
  server.on('clientError', (error, socket) => {
    if (connections.isDistrusted(socket)) return
    const status = answerUnreadable(error, socket, connections.unanswered(socket))
    if (status !== undefined) context.notices.warn('edge_request_refused', { status }, from(socket))
  })
  server.on('error', error => {
    // One of `listen` is its caller's.
    if (server.listening) log.error('edge_failed', { error })
  })
  server.on('connect', (_, socket: Socket) => {
    afterAll(connections.unanswered(socket), () => {
      socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
  })
  server.on('connection', admit)

  /** Takes in a connection, unless there are too many. */
  function admit(socket: Socket): boolean {
    const refused = connections.add(socket)
    if (refused) context.notices.warn('edge_connection_refused', { too_many: refused }, from(socket))
    return refused === undefined
  }

  const sessions = new Http2Sessions({ limits: bounds, onRequest })
  const secure =
    tls &&
    new TlsListener({
      source: tls.source,
      limits: bounds,
      log,
      onConnection: admit,
      onSecured(plain, secured) {
        connections.secure(plain, secured)
        // Node has it for plain connections only.
        secured.resetAndDestroy = () => {
          plain.resetAndDestroy()
          return secured
        }
        if (secured.alpnProtocol === 'h2') sessions.accept(secured)
        else server.emit('connection', secured)
      },
    })

  /** An app decides itself whether it wants the body; for control, which does not, it is asked for at once. */
  function onControlContinue(req: IncomingMessage, res: ServerResponse): void {
    if (route(req).to === 'control') res.writeContinue()
    onRequest(req, res)
  }

  /** The connections on which something is answered. */
  function busy(): ReadonlySet<Duplex> {
    const sockets = new Set<Duplex>()
    for (const { res } of running.list()) sockets.add(res.req.socket)
    for (const each of tunnels) sockets.add(each.req.socket)
    // They close themselves.
    for (const socket of sessions.sockets()) sockets.add(socket)
    return sockets
  }

  /** Closes connections on which nothing is answered. Node's own way also cuts off answers not yet written out. */
  function closeIdle(): void {
    connections.closeIdle(busy())
  }

  /** Called when a request is over. */
  const watchers = new Set<() => void>()
  /** Resolves once it is so; looked at whenever a request is over. */
  function until(isSo: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!isSo()) return
        watchers.delete(look)
        resolve()
      }
      watchers.add(look)
      look()
    })
  }

  let refusing: Promise<void> | undefined
  /** Accepts no more connections and requests; resolves once all connections are closed. */
  function refuseMore(): Promise<void> {
    context.draining = true
    server.closeIdleConnections = closeIdle
    for (const each of running.list()) each.wrapUp?.()
    sites.end()
    refusing ??= closeListeners()
    return refusing
  }

  async function closeListeners(): Promise<void> {
    secure?.close()
    const closed = server.listening ? new Promise<void>(done => server.close(() => done())) : undefined
    await Promise.all([sessions.close(), closed])
  }

  /** Breaks off what is left after `timeout` ms, but for these connections. */
  function cutAfter(timeout: number, spared: () => ReadonlySet<Duplex>): NodeJS.Timeout {
    return setTimeout(() => {
      context.cutting = true
      connections.destroy(spared())
    }, timeout)
  }

  const isTunnel = (each: Running) => each instanceof UpgradeExchange && each.joined
  async function drain(timeout: number): Promise<void> {
    void refuseMore()
    const sockets = () => running.list().flatMap(each => (isTunnel(each) ? each.res.req.socket : []))
    const bound = cutAfter(timeout, () => new Set(sockets()))
    await until(() => running.list().every(isTunnel))
    clearTimeout(bound)
    context.cutting = false
  }

  let closing: Promise<void> | undefined
  async function shut(timeout: number): Promise<void> {
    const closed = refuseMore()
    for (const each of tunnels) each.end()
    const bound = cutAfter(timeout, () => new Set())
    await closed
    // The server is closed before the last connection has told its answer so.
    await until(() => running.size === 0)
    clearTimeout(bound)
    clearInterval(sweep)
    context.notices.end()
    await context.pools.destroy()
  }

  const sweep = setInterval(
    () => {
      const now = clock.now()
      for (const each of running.list()) each.expire?.(now)
      connections.expire(busy(), now)
      context.notices.sweep(now)
    },
    Math.min(5_000, Math.min(answerTimeout, bodyTimeout, unreadTimeout, farewell, keepAlive) / 4),
  ).unref()

  return {
    listen: address => listen(server, address),
    listenTls(address) {
      if (!secure) throw new Error('there are no certificates to serve')
      return secure.listen(address)
    },
    get address() {
      return (server.address() as AddressInfo | null) ?? undefined
    },
    get load() {
      return { connections: connections.size, requests: running.size, upstreams: context.pools.size }
    },
    drain({ timeout = 10_000 } = {}) {
      return drain(timeout)
    },
    close({ drain: timeout = 10_000 } = {}) {
      closing ??= shut(timeout)
      return closing
    },
    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
}

/** Who it was, for the log. */
function from(socket: Duplex): { address: string | undefined } {
  return { address: (socket as Socket).remoteAddress }
}
