import { type buildConnector, Pool } from 'undici'
import type { Upstream } from '../apps/lease.ts'
import type { Dialer } from './dialer.ts'
import type { Limits } from './limits.ts'

/**
 * Kept connections to instances, one pool per address. A pool lives as long as its connections: when an instance
 * goes, its side closes them, and with the last one the pool is dropped. So nobody has to be told, and an address
 * that is used again by another app finds none of the old ones.
 */
export class Pools {
  readonly #pools = new Map<string, Pool>()
  readonly #dialer: Dialer
  readonly #limits: Limits

  constructor(dialer: Dialer, limits: Limits) {
    this.#dialer = dialer
    this.#limits = limits
  }

  /** How many addresses have a pool. */
  get size(): number {
    return this.#pools.size
  }

  /** The pool for an address; made when there is none. Use it at once: an idle one may be dropped later. */
  get(upstream: Upstream): Pool {
    const key = `${upstream.host}:${upstream.port}`
    return this.#pools.get(key) ?? this.#open(key, upstream)
  }

  /** Breaks every connection, whatever runs on it. */
  async destroy(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map(pool => pool.destroy()))
  }

  #open(key: string, upstream: Upstream): Pool {
    const { host, port } = upstream
    const pool = new Pool(`http://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      allowH2: false,
      connect: (_: unknown, connected: buildConnector.Callback) => this.#connect(upstream, connected),
      // Exchanges are looked at together, now and then, which costs less than a timer for each; and an answer that
      // is quiet for long (server-sent events) is no broken one.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: this.#limits.answerHeaderBytes,
    })
    const dropIfUnused = () => {
      const { connected, size } = pool.stats
      if (connected > 0 || size > 0 || this.#pools.get(key) !== pool) return
      this.#pools.delete(key)
      void pool.destroy()
    }
    // Only afterwards the pool no longer counts the request that the connection was broken off with.
    const look = () => setImmediate(dropIfUnused)
    pool.on('disconnect', look)
    pool.on('connectionError', look)
    this.#pools.set(key, pool)
    return pool
  }

  #connect(upstream: Upstream, connected: buildConnector.Callback): void {
    const socket = this.#dialer.dial(upstream)
    const failed = (error: Error) => connected(error, null)
    socket.once('error', failed)
    socket.once('connect', () => {
      // From here on it is the pool's.
      socket.off('error', failed)
      connected(null, socket)
    })
  }
}
