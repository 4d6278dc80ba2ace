import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { plainAddress } from '../networks.ts'
import { Crowd, isLoopback } from './crowd.ts'
import type { Limits } from './limits.ts'

/** Why a connection was refused: there are too many in all, or of its address. */
export type Refused = 'total' | 'address'

/** What a connection had received when it was last seen without a request, and since when it is like that, ms. */
type Quiet = { read: number; since: number }

/** The visitors' connections that are open. */
export class Connections {
  readonly #open = new Map<Socket, Quiet>()
  readonly #crowd: Crowd
  readonly #most: number
  readonly #keepAlive: number
  readonly #isProxy: (address: string) => boolean
  readonly #distrusted = new Set<Duplex>()
  /** The answers that stand behind another on their connection: most connections never have one. */
  readonly #behind = new Map<Duplex, Set<ServerResponse>>()

  /**
   * @param isProxy whether all visitors may come from this address: loopback is such by itself, because what connects
   *   by it is mostly a proxy of this machine, and who could flood it from here can do worse
   */
  constructor(
    { connections, connectionsOfOne, keepAlive }: Limits,
    isProxy: (address: string) => boolean = isLoopback,
  ) {
    this.#most = connections
    this.#keepAlive = keepAlive
    this.#crowd = new Crowd(connectionsOfOne)
    this.#isProxy = isProxy
  }

  /** Takes in a new one, if it is new; when there are too many already it is reset, and the reason given back. */
  add(socket: Socket): Refused | undefined {
    if (this.#open.has(socket)) return undefined
    const address = plainAddress(socket.remoteAddress ?? '')
    const counted = address !== '' && !this.#isProxy(address) ? address : undefined
    const refused = this.#open.size >= this.#most ? 'total' : undefined
    if (refused || (counted !== undefined && !this.#crowd.enter(counted))) {
      socket.resetAndDestroy()
      return refused ?? 'address'
    }
    this.#open.set(socket, { read: BUSY, since: 0 })
    socket.once('close', () => {
      this.#closed(socket)
      if (counted !== undefined) this.#crowd.leave(counted)
    })
    return undefined
  }

  /** Knows a connection that was added as what it became by its TLS handshake. */
  secure(plain: Socket, secured: Socket): void {
    this.#open.delete(plain)
    this.#open.set(secured, { read: BUSY, since: 0 })
    secured.once('close', () => this.#closed(secured))
  }

  #closed(socket: Socket): void {
    this.#open.delete(socket)
    this.#distrusted.delete(socket)
    // Node tells those that stand behind another itself, but not once a request on it was a CONNECT or an upgrade.
    for (const res of [...(this.#behind.get(socket) ?? [])]) res.destroy()
  }

  get size(): number {
    return this.#open.size
  }

  /** A request was refused on it because it may be understood otherwise elsewhere: what follows is passed over. */
  distrust(socket: Socket): void {
    // What stands for a stream of HTTP/2 is none: its requests cannot run into each other.
    if (this.#open.has(socket)) this.#distrusted.add(socket)
  }

  isDistrusted(socket: Duplex): boolean {
    return this.#distrusted.size > 0 && this.#distrusted.has(socket)
  }

  /** Takes a pipelined request into its connection's line; resolves to those before it that are not over. */
  standBehind({ socket }: IncomingMessage, res: ServerResponse): ServerResponse[] {
    const before = this.unanswered(socket)
    const line = this.#behind.get(socket) ?? new Set()
    this.#behind.set(socket, line.add(res))
    res.once('close', () => {
      line.delete(res)
      if (line.size === 0) this.#behind.delete(socket)
    })
    return before
  }

  /** The requests of a connection that are not over, first come first. */
  unanswered(socket: Duplex): ServerResponse[] {
    // Node's own mark of whose turn it is. To keep one here would cost every request something for the few that
    // are pipelined, and to look through all that run would let one connection slow down the others.
    const { _httpMessage: first } = socket as Duplex & { _httpMessage?: ServerResponse | null }
    return [...new Set([...(first ? [first] : []), ...(this.#behind.get(socket) ?? [])])]
  }

  /** Closes those on which nothing is answered, once what was written is out. */
  closeIdle(busy: ReadonlySet<Duplex>): void {
    for (const socket of this.#open.keys()) {
      // Asked again and again while an edge closes, and once is enough.
      if (!busy.has(socket) && !socket.writableEnded) socket.destroySoon()
    }
  }

  /**
   * Called every now and then: closes those on which nothing was answered and nothing came in for as long as an idle
   * one is kept. Node's own way sets a timer twice for each request.
   * @param busy those on which something is answered
   * @param now ms
   */
  expire(busy: ReadonlySet<Duplex>, now: number): void {
    for (const [socket, quiet] of this.#open) {
      const read = busy.has(socket) ? BUSY : socket.writableEnded ? ENDED : socket.bytesRead
      if (read === BUSY || read !== quiet.read) {
        quiet.read = read
        quiet.since = now
      } else if (now - quiet.since >= this.#keepAlive) {
        // Whoever neither reads nor ends their side would otherwise have it for good.
        if (read === ENDED) socket.destroy()
        else socket.destroySoon()
      }
    }
  }

  /** Breaks off all of them but those to be spared. */
  destroy(spared: ReadonlySet<Duplex> = new Set()): void {
    for (const socket of this.#open.keys()) if (!spared.has(socket)) socket.destroy()
  }
}

/** In place of a number of bytes: something was being answered. */
const BUSY = -1
/** The same: it was ended from here, whatever still comes in. */
const ENDED = -2

/** Who is at the other end, for the log. */
export function addressOf(socket: Duplex): { address: string | undefined } {
  return { address: (socket as Socket).remoteAddress }
}
