import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** The visitors' connections that are open. */
export class Connections {
  readonly #open = new Set<Socket>()
  readonly #distrusted = new Set<Duplex>()

  add(socket: Socket): void {
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#distrusted.delete(socket)
    })
  }

  /** A request was refused on it because it may be understood otherwise elsewhere: what follows is passed over. */
  distrust(socket: Socket): void {
    this.#distrusted.add(socket)
  }

  isDistrusted(socket: Duplex): boolean {
    return this.#distrusted.size > 0 && this.#distrusted.has(socket)
  }

  /** Closes those on which nothing is answered, once what was written is out. */
  closeIdle(busy: ReadonlySet<Duplex | null>): void {
    for (const socket of this.#open) if (!busy.has(socket)) socket.destroySoon()
  }

  /** Breaks off all of them. */
  destroy(): void {
    for (const socket of this.#open) socket.destroy()
  }
}
