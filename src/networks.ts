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

/** A set of networks that addresses are looked up in. */
export class Networks {
  readonly #list = new BlockList()

  constructor(networks: Iterable<Network>) {
    for (const { address, prefix, family } of networks) this.#list.addSubnet(address, prefix, family)
  }

  /** @param address as {@link plainAddress} gives it */
  has(address: string): boolean {
    return this.#list.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
  }
}

/** An address as people write it: an IPv4 one that came in over an IPv6 socket without its `::ffff:`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
