import type { AddressInfo, Socket } from 'node:net'
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { EdgeLog } from '../context.ts'
import type { Limits } from '../limits.ts'
import { type Address, listen } from '../listening.ts'
import type { Certificate } from './certificate.ts'
import type { CertificateSource } from './source.ts'

export type TlsListenerOptions = {
  source: CertificateSource
  limits: Limits
  log: EdgeLog
  /** Told of each connection before its handshake; false when it is not taken in. */
  onConnection(socket: Socket): boolean
  /** Takes over a connection after its handshake. */
  onSecured(plain: Socket, secured: TLSSocket): void
}

/** One takes some 40 KB; more certificates than these are rarely used in turn. */
const CONTEXTS = 500

/** Accepts TLS connections: chooses the certificate by the name a visitor asks for, and agrees on a protocol. */
export class TlsListener {
  readonly #server: Server
  readonly #source: CertificateSource
  readonly #patience: number
  readonly #contexts = new LRUCache<Certificate, SecureContext>({ max: CONTEXTS })
  /** Connections whose handshake is not over. */
  readonly #shaking = new Map<string, Socket>()

  constructor({ source, limits, log, onConnection, onSecured }: TlsListenerOptions) {
    this.#source = source
    this.#patience = limits.certificateTimeout
    this.#server = createServer({
      ALPNProtocols: ['h2', 'http/1.1'],
      SNICallback: (host, done) => this.#choose(host, done),
      handshakeTimeout: limits.certificateTimeout + limits.headersTimeout,
      allowHalfOpen: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      noDelay: true,
    })
    this.#server.on('connection', (socket: Socket) => {
      const key = keyOf(socket)
      if (!onConnection(socket)) return
      this.#shaking.set(key, socket)
      socket.once('close', () => this.#shaking.delete(key))
    })
    this.#server.on('secureConnection', secured => {
      const plain = this.#shaking.get(keyOf(secured))
      this.#shaking.delete(keyOf(secured))
      if (plain) onSecured(plain, secured)
      else secured.destroy()
    })
    this.#server.on('error', error => {
      // One of `listen` is its caller's.
      if (this.#server.listening) log.error('edge_failed', { error })
    })
  }

  /** Begins to accept connections. */
  listen(address: Address): Promise<AddressInfo> {
    return listen(this.#server, address)
  }

  /** Where it listens; undefined before and after. */
  get address(): AddressInfo | undefined {
    return (this.#server.address() as AddressInfo | null) ?? undefined
  }

  /** Accepts no more, and breaks off handshakes. Connections that were handed over are their takers'. */
  close(): void {
    this.#server.close()
    for (const socket of this.#shaking.values()) socket.destroy()
  }

  #choose(host: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const found = this.#source.find(host.toLowerCase())
    // Without a context the visitor is told that there is no certificate for that name.
    if (!(found instanceof Promise)) done(null, found && this.#contextOf(found))
    else this.#wait(found).then(late => done(null, late && this.#contextOf(late)))
  }

  /** What comes of a promise in time; it is not given up otherwise. */
  #wait(found: Promise<Certificate | undefined>): Promise<Certificate | undefined> {
    const { promise, resolve } = Promise.withResolvers<Certificate | undefined>()
    const timer = setTimeout(resolve, this.#patience, undefined)
    found.then(resolve, () => resolve(undefined)).finally(() => clearTimeout(timer))
    return promise
  }

  #contextOf(certificate: Certificate): SecureContext {
    const { chain: cert, key } = certificate
    const kept = this.#contexts.get(certificate)
    if (kept) return kept
    const made = createSecureContext({ cert, key })
    this.#contexts.set(certificate, made)
    return made
  }
}

/** Tells a connection from all others, before its handshake and after it. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
