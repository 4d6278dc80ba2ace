import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { addressOf, type Connections } from './connections.ts'
import type { EdgeContext } from './context.ts'
import type { Intake } from './intake.ts'
import { afterAll, answerUnreadable } from './unreadable.ts'

export type Http1Options = { context: EdgeContext; connections: Connections; intake: Intake }

/** Node's HTTP/1 server, set and bounded as an edge has to be; what it reads goes to the intake. */
export function createHttp1({ context, connections, intake }: Http1Options): Server {
  const { limits, log, notices } = context
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeout,
    // An upload may take as long as it likes; how long headers may take is bounded above.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(limits.headersTimeout, 5_000),
    // Idle connections are found by `Connections.expire`.
    keepAliveTimeout: 0,
    // So that a visitor who vanished does not hold a lease for ever.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
    insecureHTTPParser: false,
    // A missing Host is answered by the router, like several of them.
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: req => intake.isUpgrade(req),
  })
  // Bounded by their bytes already; Node would silently leave out those beyond the count.
  server.maxHeadersCount = 0
  server.on('request', (req, res) => intake.request(req, res))
  server.on('checkContinue', (req, res) => intake.expecting(req, res))
  server.on('upgrade', (req, socket: Socket, head) => intake.upgrade(req, socket, head))
  server.on('connect', (_, socket: Socket) => {
    // Node has taken its own listener off, and one whose visitor has gone would end the process.
    socket.on('error', () => {})
    afterAll(connections.unanswered(socket), () => {
      socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
  })
  server.on('clientError', (error, socket) => {
    if (connections.isDistrusted(socket)) return
    const status = answerUnreadable(error, socket, connections.unanswered(socket))
    if (status !== undefined) notices.warn('edge_request_refused', { status }, addressOf(socket))
  })
  server.on('error', error => {
    // One of `listen` is its caller's.
    if (server.listening) log.error('edge_failed', { error })
  })
  return server
}
