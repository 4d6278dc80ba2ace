import { isIP } from 'node:net'
import { type Networks, plainAddress } from '../networks.ts'

/** The proxies in front of this edge, whose word on where a request comes from is taken (`DORMICE_TRUST`). */
export class Proxies {
  readonly #trusted: Networks

  constructor(trusted: Networks) {
    this.#trusted = trusted
  }

  /** @param peer address of the other end of a connection */
  has(peer: string): boolean {
    return isIP(peer) !== 0 && this.#trusted.has(peer)
  }

  /**
   * The address a request comes from: the last in X-Forwarded-For that is not a proxy of ours. Those before it
   * may be made up.
   */
  visitor(peer: string, forwardedFor: string | undefined): string {
    if (!this.has(peer)) return peer
    let visitor = peer
    for (const part of forwardedFor?.split(',').reverse() ?? []) {
      const address = plainAddress(part.trim())
      // What a proxy of ours did not understand it would not have passed on; nothing before it counts.
      if (isIP(address) === 0) break
      visitor = address
      if (!this.#trusted.has(address)) break
    }
    return visitor
  }
}
