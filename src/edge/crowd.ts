import { isIP } from 'node:net'
import { plainAddress } from '../networks.ts'

/** How many connections each address has. */
export class Crowd {
  readonly #most: number
  readonly #counts = new Map<string, number>()

  /** @param most connections an address may have */
  constructor(most: number) {
    this.#most = most
  }

  /** Counts one more connection; false, and nothing is counted, where the address has as many as it may. */
  enter(address: string): boolean {
    const from = origin(address)
    const count = this.#counts.get(from) ?? 0
    if (count >= this.#most) return false
    this.#counts.set(from, count + 1)
    return true
  }

  /** A connection that was counted is closed. */
  leave(address: string): void {
    const from = origin(address)
    const count = this.#counts.get(from) ?? 0
    if (count > 1) this.#counts.set(from, count - 1)
    else this.#counts.delete(from)
  }

  /** How many addresses are counted. */
  get size(): number {
    return this.#counts.size
  }
}

/** What one visitor can change of an address at will is left out of it: of IPv6 all beyond the network, a /64. */
export function origin(address: string): string {
  const plain = plainAddress(address)
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups.slice(0, 4).join(':')
}

/** Whether an address is this machine's own, by which only what runs here connects. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address)
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}
