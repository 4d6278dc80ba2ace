import type { RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Leasable } from '../apps/lease.ts'
import type { Networks } from '../networks.ts'
import { expectsContinue } from './body.ts'
import { Closing } from './closing.ts'
import { addressOf, Connections } from './connections.ts'
import type { EdgeContext, EdgeLog } from './context.ts'
import { isLoopback } from './crowd.ts'
import type { FindCustom } from './custom.ts'
import { Dialer } from './dialer.ts'
import { createHttp1 } from './http1.ts'
import { Http2Sessions } from './http2/sessions.ts'
import { Intake } from './intake.ts'
import type { Limits } from './limits.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { type Address, listen } from './listening.ts'
import { Notices } from './notices.ts'
import { Outbox } from './outbox.ts'
import { Pools } from './pools.ts'
import { Proxies } from './proxies.ts'
import { Roster } from './roster.ts'
import { createRouter } from './router.ts'
import { Sites } from './site.ts'
import { TlsListener } from './tls/listener.ts'
import { redirecting } from './tls/plain.ts'
import type { CertificateSource } from './tls/source.ts'

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
      setImmediate(() => closing.closeIdle())
      closing.ended()
    },
    draining: false,
    cutting: false,
  }

  const intake = new Intake({ context, connections, route, control })
  const server = createHttp1({ context, connections, intake })
  server.on('connection', admit)

  /** Takes in a connection, unless there are too many. */
  function admit(socket: Socket): boolean {
    const refused = connections.add(socket)
    if (refused) context.notices.warn('edge_connection_refused', { too_many: refused }, addressOf(socket))
    return refused === undefined
  }

  const sessions = new Http2Sessions({
    limits: bounds,
    onRequest: (req, res) => (expectsContinue(req) ? intake.expecting(req, res) : intake.request(req, res)),
  })
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

  /** The connections on which something is answered. */
  function busy(): ReadonlySet<Duplex> {
    const sockets = new Set<Duplex>()
    for (const { res } of running.list()) sockets.add(res.req.socket)
    for (const each of intake.tunnels) sockets.add(each.req.socket)
    // They close themselves.
    for (const socket of sessions.sockets()) sockets.add(socket)
    return sockets
  }

  const closing = new Closing({ context, connections, intake, server, secure, sessions, sites, busy })
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
      return closing.drain(timeout)
    },
    close({ drain: timeout = 10_000 } = {}) {
      return closing.close(timeout).finally(() => clearInterval(sweep))
    },
    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
}
