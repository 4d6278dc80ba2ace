import type { Proof } from '../store/records.ts'
import { type Challenge, txtName } from './claim.ts'
import type { Evidence } from './evidence.ts'
import type { Reached } from './reach.ts'

/** One thing that was looked at, and what was found, as a sentence without its full stop. */
export type Check = { method: Proof; ok: boolean; detail: string }

export type Verdict = {
  /** Undefined: nothing shows the claim. */
  proof: Proof | undefined
  checks: Check[]
  /** Whether its visitors come to this host. */
  pointsHere: boolean
}

type Claimed = { domain: string; target: string; challenge: Challenge }

/**
 * How DNS shows a claim. Only who controls a name's DNS can make these:
 * - `cname`: the name is an alias of the app's own name on this host. That names app and host. The
 *   record has to go before the app does: an app of the same name that comes after it could claim the name.
 * - `txt`: the record beside the name has the claim's value.
 */
export function dnsProof(
  { aliases = [], txt = [] }: Pick<Evidence, 'aliases' | 'txt'>,
  { target, challenge }: Claimed,
): Proof | undefined {
  if (aliases.includes(target)) return 'cname'
  return txt.some(value => value.trim() === challenge.value) ? 'txt' : undefined
}

/**
 * Whether the claim is shown, and what was found. Beside DNS there is `http`: the name answers with the
 * claim's value. Either somebody put a file where it is served now, or it points at this host, whose edge
 * answers that. The latter says which host, not which app, so among an app's claim and another's only DNS
 * decides; see `domains.ts`.
 */
export function judge(claimed: Claimed, evidence: Evidence, reached: Reached | undefined): Verdict {
  const { domain, target, challenge } = claimed
  const { addresses, aliases, txt, own, isApex } = evidence
  const answer = reached?.kind === 'answer' && reached.status === 200 ? reached.text.trim() : undefined
  const isHere = answer === challenge.here
  const checks: Check[] = [
    { method: 'cname', ok: aliases?.includes(target) === true, detail: aliasDetail() },
    { method: 'txt', ok: dnsProof({ aliases: [], txt }, claimed) !== undefined, detail: txtDetail() },
    { method: 'http', ok: isHere || answer === challenge.value, detail: httpDetail() },
  ]
  return {
    proof: checks.find(check => check.ok)?.method,
    checks,
    pointsHere:
      isHere || aliases?.includes(target) === true || addresses?.some(one => own.includes(one)) === true,
  }

  function aliasDetail(): string {
    if (aliases === undefined) return `DNS did not answer for the CNAME of ${domain}`
    const [first] = aliases
    if (first === undefined) {
      return `${domain} has no CNAME${isApex ? ' (and cannot have one: it is the top of its zone)' : ''}`
    }
    return aliases.includes(target)
      ? `${domain} is a CNAME of ${aliases.join(', which is one of ')}`
      : `${domain} is a CNAME of ${shown(first)}, not of ${target}`
  }

  function txtDetail(): string {
    const name = txtName(domain)
    if (txt === undefined) return `DNS did not answer for the TXT record of ${name}`
    const [first] = txt
    if (first === undefined) return `${name} has no TXT record`
    return dnsProof({ aliases: [], txt }, claimed)
      ? `the TXT record of ${name} is right`
      : `the TXT record of ${name} is "${shown(first)}", not "${challenge.value}"`
  }

  function httpDetail(): string {
    if (addresses === undefined) return `DNS did not answer for the addresses of ${domain}`
    if (addresses.length === 0) return `${domain} has no address`
    const where = `${domain} (${addresses.slice(0, 2).join(', ')}${addresses.length > 2 ? ', …' : ''})`
    if (!reached || reached.kind === 'silent') return `nothing answers on port 80 of ${where}`
    if (reached.kind === 'private') {
      return `${where} is in a private network, and not where ${target} points, so it was not asked`
    }
    if (isHere) return `${domain} leads to this host`
    if (answer === challenge.value) return `the file on ${domain} is right`
    const { status } = reached
    return status >= 300 && status < 400
      ? `${where} sends elsewhere (status ${status}), which is not followed`
      : `${where} gives another answer (status ${status})`
  }
}

/** What strangers wrote into their DNS, as one line of bounded length. */
function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)
}
