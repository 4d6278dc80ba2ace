import type { Challenge } from './claim.ts'
import { type Dns, type Evidence, lookUp } from './evidence.ts'
import { type ReachOptions, reach } from './reach.ts'
import { judge, type Verdict } from './verdict.ts'

/** What was found when a name was last looked at, epoch ms. */
export type Look = Verdict & { at: number; evidence: Evidence }

/** A name that an app claims. */
export type Claimed = { domain: string; app: string; target: string; challenge: Challenge }

type Name = Pick<Claimed, 'domain' | 'app'>

/** What was found at names, for each app that claims one; in memory, so unknown after a start. */
export class Looks {
  readonly #dns: Dns
  readonly #options: ReachOptions & { now(): number }
  readonly #found = new Map<string, Look>()
  readonly #running = new Map<string, Promise<Look>>()

  constructor(dns: Dns, options: ReachOptions & { now(): number }) {
    this.#dns = dns
    this.#options = options
  }

  last(name: Name): Look | undefined {
    return this.#found.get(key(name))
  }

  /** Looks now; who asks while one is under way waits for the same. */
  take(claimed: Claimed): Promise<Look> {
    const known = this.#running.get(key(claimed))
    if (known) return known
    const look = this.#look(claimed).finally(() => this.#running.delete(key(claimed)))
    this.#running.set(key(claimed), look)
    return look
  }

  /** Whether one is under way. */
  isUnderWay(name: Name): boolean {
    return this.#running.has(key(name))
  }

  /** Forgets what was found at all other names. */
  keep(names: Iterable<Name>): void {
    const kept = new Set(Array.from(names, key))
    for (const known of this.#found.keys()) if (!kept.has(known)) this.#found.delete(known)
  }

  async #look(claimed: Claimed): Promise<Look> {
    const { domain, target, challenge } = claimed
    const evidence = await lookUp(this.#dns, domain, target)
    const { addresses = [], own } = evidence
    const question = { domain, path: challenge.path, addresses, own }
    const reached = addresses.length === 0 ? undefined : await reach(question, this.#options)
    const look = { ...judge(claimed, evidence, reached), evidence, at: this.#options.now() }
    this.#found.set(key(claimed), look)
    return look
  }
}

function key({ domain, app }: Name): string {
  return `${domain} ${app}`
}
