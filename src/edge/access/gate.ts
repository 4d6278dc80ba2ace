import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Leasable } from '../../apps/lease.ts'
import type { Access } from '../../apps/rules.ts'
import { type Network, Networks, parseNetwork } from '../../networks.ts'
import { Logins, type Users } from './logins.ts'
import { Buckets } from './rate.ts'
import { Turns } from './turns.ts'

/** The rules of one app as they are applied. */
export type Compiled = {
  readonly allow: Networks | undefined
  readonly deny: Networks | undefined
  readonly users: Users | undefined
  readonly rate: Buckets | undefined
}

/**
 * What stands in front of one app: its access rules, compiled once per object, and what is counted from one request to
 * the next, which outlives them.
 */
export class Gate {
  readonly logins = new Logins()
  readonly turns: Turns
  #rules: Access | undefined
  #compiled: Compiled = { allow: undefined, deny: undefined, users: undefined, rate: undefined }

  /** @param now ms that only grow */
  constructor(target: Leasable, now: () => number) {
    this.turns = new Turns(() => {
      const { concurrency, queue, queueTimeout } = target.rules?.access ?? {}
      return {
        concurrency: concurrency ?? Number.POSITIVE_INFINITY,
        queue: queue ?? 100,
        queueTimeout: queueTimeout ?? 30_000,
      }
    }, now)
  }

  /** @param rules frozen */
  compiled(rules: Access): Compiled {
    if (rules === this.#rules) return this.#compiled
    const { allow, deny, auth, rate } = rules
    const users = auth && new Map(Object.entries(auth))
    // Whoever used up theirs has not got it back because something else changed.
    const isSameRate = isDeepStrictEqual(rate, this.#rules?.rate)
    this.#compiled = {
      allow: networksOf(allow),
      deny: networksOf(deny),
      users,
      rate: isSameRate ? this.#compiled.rate : rate && new Buckets(rate),
    }
    if (users) this.logins.keep(users)
    this.#rules = rules
    return this.#compiled
  }
}

/** Whether requests from there are taken: not what is denied, and where something is allowed, only that. */
export function admits({ allow, deny }: Pick<Compiled, 'allow' | 'deny'>, address: string): boolean {
  if (!allow && !deny) return true
  const [plain = ''] = address.split('%', 1)
  // Of a connection that is gone already it cannot be told, and nobody sees the answer.
  if (isIP(plain) === 0) return false
  return !deny?.has(plain) && (!allow || allow.has(plain))
}

/** Undefined for none. */
function networksOf(texts: readonly string[] | undefined): Networks | undefined {
  if (!texts || texts.length === 0) return undefined
  return new Networks(texts.map(parseNetwork).filter((each): each is Network => each !== undefined))
}
