import { Resolver } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { txtName } from './claim.ts'

/** What is asked of DNS; `node:dns/promises` has it. */
export type Dns = Pick<Resolver, 'resolveTxt' | 'resolveCname' | 'resolve4' | 'resolve6' | 'resolveSoa'>

/** DNS as these servers tell it, the system's where there are none. */
export function systemDns(servers: readonly string[]): Resolver {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  return resolver
}

/** What DNS says of a name. Undefined: it did not answer. */
export type Evidence = {
  /** Values at `_dormice.<name>`. */
  txt: readonly string[] | undefined
  /** The names that it is an alias of, each of the one before. */
  aliases: readonly string[] | undefined
  addresses: readonly string[] | undefined
  /** Where the host's own names point, as far as is known. */
  own: readonly string[]
  /** It is the top of its zone, and so cannot be a CNAME. */
  isApex: boolean
}

/** Resolves when DNS has been waited for long enough. */
type Late = Promise<undefined>

/** How long all answers together are waited for, ms. */
const patience = 5_000
/** Aliases of aliases that are followed. */
const longestChain = 4
/** Of more records than this the rest is left out. */
const mostRecords = 16

/**
 * Looks a name up. Never rejects.
 *
 * @param target the app's own name on this host
 */
export async function lookUp(dns: Dns, domain: string, target: string): Promise<Evidence> {
  const over = new AbortController()
  const late = sleep(patience, undefined, { signal: over.signal }).catch(() => undefined)
  const [txt, aliases, addresses, own, soa] = await Promise.all([
    answers(dns.resolveTxt(txtName(domain)), late),
    aliasesOf(dns, domain, late),
    addressesOf(dns, domain, late),
    addressesOf(dns, target, late),
    answers(
      dns.resolveSoa(domain).then(record => [record]),
      late,
    ),
  ])
  over.abort()
  return {
    txt: txt?.map(chunks => chunks.join('')),
    aliases,
    addresses,
    own: own ?? [],
    isApex: soa === undefined ? domain.split('.').length === 2 : soa.length > 0,
  }
}

async function aliasesOf(dns: Dns, domain: string, late: Late): Promise<string[] | undefined> {
  const chain: string[] = []
  let name = domain
  while (chain.length < longestChain) {
    const found = await answers(dns.resolveCname(name), late)
    if (found === undefined) return chain.length === 0 ? undefined : chain
    const [next] = found
    if (next === undefined) return chain
    name = next.toLowerCase().replace(/\.$/, '')
    chain.push(name)
  }
  return chain
}

/** Undefined when neither kind was answered. */
async function addressesOf(dns: Dns, name: string, late: Late): Promise<string[] | undefined> {
  const [four, six] = await Promise.all([
    answers(dns.resolve4(name), late),
    answers(dns.resolve6(name), late),
  ])
  return four || six ? [...(four ?? []), ...(six ?? [])] : undefined
}

/** What was answered, `[]` when there is none; undefined when DNS failed to answer, or not in time. */
async function answers<T>(asked: Promise<T[]>, late: Late): Promise<T[] | undefined> {
  try {
    return (await Promise.race([asked, late]))?.slice(0, mostRecords)
  } catch (error) {
    const { code } = error as { code?: unknown }
    return code === 'ENODATA' || code === 'ENOTFOUND' ? [] : undefined
  }
}
