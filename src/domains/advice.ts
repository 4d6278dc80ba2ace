import { txtName } from './claim.ts'
import type { Evidence } from './evidence.ts'
import type { Claimed } from './looks.ts'

/** A DNS record to make. */
export type DnsRecord = {
  /**
   * `both` shows whose the name is and leads its visitors here; `visitors` only the latter, which then shows
   * it over HTTP; `owner` only the former, while its visitors still go elsewhere.
   */
  purpose: 'both' | 'visitors' | 'owner'
  type: 'CNAME' | 'A' | 'AAAA' | 'TXT'
  name: string
  /** Null: this server's address, which is not known here. */
  value: string | null
}

/**
 * The records that make a domain an app's. A name below another is best a CNAME, which follows the host
 * wherever it moves. The top of a zone cannot be one (RFC 1912, 2.4): it needs the addresses, or what some
 * providers offer in place of them (ALIAS, ANAME), which is the same from outside.
 *
 * @param evidence undefined: not looked up yet
 */
export function recordsFor(
  { domain, target, challenge }: Claimed,
  { isApex, own }: Pick<Evidence, 'isApex' | 'own'> = { isApex: domain.split('.').length === 2, own: [] },
): DnsRecord[] {
  const txt: DnsRecord = { purpose: 'owner', type: 'TXT', name: txtName(domain), value: challenge.value }
  // A name that only this machine knows is nothing that DNS could point to.
  const isLocal = target.endsWith('.localhost')
  if (!isApex && !isLocal) return [{ purpose: 'both', type: 'CNAME', name: domain, value: target }, txt]
  const known = isLocal || own.length === 0 ? [null] : own
  const addresses = known.map((value): DnsRecord => {
    return { purpose: 'visitors', type: value?.includes(':') ? 'AAAA' : 'A', name: domain, value }
  })
  return [...addresses, txt]
}
