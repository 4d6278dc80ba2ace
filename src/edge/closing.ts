import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Connections } from './connections.ts'
import type { EdgeContext } from './context.ts'
import type { Http2Sessions } from './http2/sessions.ts'
import type { Intake } from './intake.ts'
import type { Running } from './roster.ts'
import type { Sites } from './site.ts'
import type { TlsListener } from './tls/listener.ts'
import { UpgradeExchange } from './upgrade.ts'

export type ClosingOptions = {
  context: EdgeContext
  connections: Connections
  intake: Intake
  server: Server
  secure: TlsListener | undefined
  sessions: Http2Sessions
  sites: Sites
  /** The connections on which something is answered. */
  busy: () => ReadonlySet<Duplex>
}

/** How an edge comes to its end: no more is taken in, what runs may finish for a while, the rest is broken off. */
export class Closing {
  readonly #of: ClosingOptions
  /** Called when a request is over. */
  readonly #watchers = new Set<() => void>()
  #refusing: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(of: ClosingOptions) {
    this.#of = of
  }

  /** See `Edge.drain`. */
  async drain(timeout: number): Promise<void> {
    const { running } = this.#of.context
    void this.#refuseMore()
    const sockets = () => running.list().flatMap(each => (isTunnel(each) ? each.res.req.socket : []))
    const bound = this.#cutAfter(timeout, () => new Set(sockets()))
    await this.#until(() => running.list().every(isTunnel))
    clearTimeout(bound)
    this.#of.context.cutting = false
  }

  /** See `Edge.close`. */
  close(timeout: number): Promise<void> {
    this.#closing ??= this.#shut(timeout)
    return this.#closing
  }

  /** Closes connections on which nothing is answered. Node's own way also cuts off answers not yet written out. */
  closeIdle(): void {
    this.#of.connections.closeIdle(this.#of.busy())
  }

  /** To be told of each request that is over. */
  ended(): void {
    for (const each of this.#watchers) each()
  }

  async #shut(timeout: number): Promise<void> {
    const { context, intake } = this.#of
    const closed = this.#refuseMore()
    for (const each of intake.tunnels) each.end()
    const bound = this.#cutAfter(timeout, () => new Set())
    await closed
    // The server is closed before the last connection has told its answer so.
    await this.#until(() => context.running.size === 0)
    clearTimeout(bound)
    context.notices.end()
    await context.pools.destroy()
  }

  /** Accepts no more connections and requests; resolves once all connections are closed. */
  #refuseMore(): Promise<void> {
    const { context, server, sites } = this.#of
    context.draining = true
    server.closeIdleConnections = () => this.closeIdle()
    for (const each of context.running.list()) each.wrapUp?.()
    sites.end()
    this.#refusing ??= this.#closeListeners()
    return this.#refusing
  }

  async #closeListeners(): Promise<void> {
    const { server, secure, sessions } = this.#of
    secure?.close()
    const closed = server.listening ? new Promise<void>(done => server.close(() => done())) : undefined
    await Promise.all([sessions.close(), closed])
  }

  /** Breaks off what is left after `timeout` ms, but for these connections. */
  #cutAfter(timeout: number, spared: () => ReadonlySet<Duplex>): NodeJS.Timeout {
    return setTimeout(() => {
      this.#of.context.cutting = true
      this.#of.connections.destroy(spared())
    }, timeout)
  }

  /** Resolves once it is so; looked at whenever a request is over. */
  #until(isSo: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!isSo()) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }
}

function isTunnel(each: Running): boolean {
  return each instanceof UpgradeExchange && each.joined
}
