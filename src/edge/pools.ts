import type { buildConnector } from 'undici'
import type { Upstream } from '../apps/lease.ts'
import { Client } from './client.ts'
import type { Dialer } from './dialer.ts'
import type { Limits } from './limits.ts'

/**
 * Kept connections to instances, one pool per awake instance. A pool lives as long as its connections: they are closed
 * when the instance is to be stopped, or by its side when it goes by itself, and with the last one the pool is dropped.
 * So an address that is used again by another app finds none of the old ones.
 */
export class Pools {
  readonly #pools = new Map<Upstream, Pool>()
  readonly #dialer: Dialer
  readonly #limits: Limits

  constructor(dialer: Dialer, limits: Limits) {
    this.#dialer = dialer
    this.#limits = limits
  }

  /** How many instances have a pool. */
  get size(): number {
    return this.#pools.size
  }

  /** A line to an instance that no other request uses, until it is freed. */
  take(upstream: Upstream): Line {
    let pool = this.#pools.get(upstream)
    if (pool === undefined) {
      pool = this.#add(upstream)
      this.#pools.set(upstream, pool)
    }
    return pool.take()
  }

  #add(upstream: Upstream): Pool {
    // Whose side closes a connection first has to remember it for a minute: not the app's, whose network others get.
    const close = () => void pool.destroy()
    const pool = new Pool(
      () => this.#open(upstream),
      () => {
        upstream.over?.removeEventListener('abort', close)
        this.#pools.delete(upstream)
      },
    )
    upstream.over?.addEventListener('abort', close)
    return pool
  }

  /** Breaks every connection, whatever runs on it. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(pool => pool.destroy()))
  }

  #open(upstream: Upstream): Client {
    const { host, port } = upstream
    return new Client(`http://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      allowH2: false,
      connect: (_: unknown, connected: buildConnector.Callback) => this.#connect(upstream, connected),
      // Exchanges are looked at together, now and then, which costs less than a timer for each; and an answer that
      // is quiet for long (server-sent events) is no broken one.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: this.#limits.answerHeaderBytes,
    })
  }

  #connect(upstream: Upstream, connected: buildConnector.Callback): void {
    const socket = this.#dialer.dial(upstream)
    const failed = (error: Error) => connected(error, null)
    socket.once('error', failed)
    socket.once('connect', () => {
      // From here on it is the line's.
      socket.off('error', failed)
      connected(null, socket)
    })
  }
}

/** A connection to an instance, for one request at a time; undici makes it anew when it was closed. */
export class Line {
  readonly client: Client
  readonly #pool: Pool

  constructor(client: Client, pool: Pool) {
    this.client = client
    this.#pool = pool
    // Only afterwards the client no longer counts the request that the connection was broken off with.
    const look = () => setImmediate(() => this.#dropIfUnused())
    client.on('disconnect', look)
    client.on('connectionError', look)
  }

  /** The request has its whole answer. */
  free(): void {
    this.#pool.free(this)
  }

  /** The request has come to nothing, and the connection may have as well. */
  failed(): void {
    setImmediate(() => {
      if (!this.#dropIfUnused()) this.#pool.free(this)
    })
  }

  #dropIfUnused(): boolean {
    const { connected, size } = this.client.stats
    if (connected || size > 0) return false
    this.#pool.drop(this)
    void this.client.destroy()
    return true
  }
}

/**
 * The lines to one instance, as many as there were requests at a time. The last one freed is the first one used.
 * undici's own pool looks through all of its connections for every request, and twice.
 */
class Pool {
  readonly #open: () => Client
  readonly #unused: () => void
  readonly #lines = new Set<Line>()
  readonly #free: Line[] = []

  /** @param unused called when the last line is gone */
  constructor(open: () => Client, unused: () => void) {
    this.#open = open
    this.#unused = unused
  }

  take(): Line {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const line = new Line(this.#open(), this)
    this.#lines.add(line)
    return line
  }

  free(line: Line): void {
    if (this.#lines.has(line)) this.#free.push(line)
  }

  drop(line: Line): void {
    if (!this.#lines.delete(line)) return
    const place = this.#free.indexOf(line)
    if (place !== -1) this.#free.splice(place, 1)
    if (this.#lines.size === 0) this.#unused()
  }

  async destroy(): Promise<void> {
    const lines = [...this.#lines]
    for (const line of lines) this.drop(line)
    await Promise.all(lines.map(({ client }) => client.destroy()))
  }
}
