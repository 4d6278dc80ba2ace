import { BlockList, isIP } from 'node:net'

/** An address, or all with the same first `prefix` bits. */
export type Network = { address: string; prefix: number; family: 'ipv4' | 'ipv6' }

/** Parses `10.1.2.3`, `10.0.0.0/8`, `2001:db8::/32`; undefined when it is none. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text.trim())
  const address = match?.[1] ?? ''
  const version = isIP(address)
  if (version === 0 || address.includes('%')) return undefined
  const bits = version === 4 ? 32 : 128
  const prefix = match?.[2] === undefined ? bits : Number(match[2])
  if (prefix > bits) return undefined
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' }
}

/** IPv4 as IPv6 (RFC 4291, 2.5.5.2). */
const MAPPED = new BlockList()
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6')

/** A set of networks that addresses are looked up in. */
export class Networks {
  readonly #ipv4 = new BlockList()
  // Of its own: to Node's list every IPv4 address is in `::/0`, which nobody means who writes it.
  readonly #ipv6 = new BlockList()

  constructor(networks: Iterable<Network>) {
    for (const { address, prefix, family } of networks) {
      const isIpv4 = family === 'ipv4' || (prefix >= 96 && MAPPED.check(address, 'ipv6'))
      const list = isIpv4 ? this.#ipv4 : this.#ipv6
      list.addSubnet(address, prefix, family)
    }
  }

  /** @param address as {@link plainAddress} gives it */
  has(address: string): boolean {
    if (!address.includes(':')) return this.#ipv4.check(address, 'ipv4')
    return this.#ipv6.check(address, 'ipv6') || this.#ipv4.check(address, 'ipv6')
  }
}

/** An address as people write it: an IPv4 one that came in over an IPv6 socket without its `::ffff:`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
