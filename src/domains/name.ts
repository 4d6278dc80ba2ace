import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { Problem } from '../problem.ts'

/** Bytes of a name in DNS. */
const longest = 253
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * A name as it is routed by: lower case, punycode, without a dot at its end.
 *
 * @param text as its user wrote it
 * @param own the host's own domain
 * @throws {Problem} 400 `invalid_domain`
 */
export function parseDomain(text: string, own: string): string {
  const wanted = text.trim().replace(/\.$/, '')
  const address = /^https?:\/\/([^/:?#@]+)/i.exec(wanted)?.[1]
  if (address !== undefined) throw invalid(text, `it is an address; give the name alone, ${address}`)
  if (isIP(wanted.replace(/^\[|\]$/g, ''))) throw invalid(text, 'it is an address of a machine, not a name')
  if (wanted.includes('*')) throw invalid(text, 'a wildcard cannot be; add each name')
  // domainToASCII would take what stands before these for the name.
  const beside = /[/\\?#%@:\s]/.exec(wanted)?.[0]
  if (beside !== undefined)
    throw invalid(text, `a name has no "${beside}"; give it without port, path or user`)
  const name = domainToASCII(wanted).replace(/\.$/, '')
  if (name.length > longest) throw invalid(text, `it is longer than ${longest} bytes`)
  const labels = name.split('.')
  if (labels.length < 2) throw invalid(text, 'it is not a whole name')
  if (isIP(name) || !labels.every(part => label.test(part)) || !/[a-z]/.test(labels.at(-1) ?? '')) {
    throw invalid(
      text,
      'between its dots stand 1 to 63 letters, digits or hyphens, of which none is first or last',
    )
  }
  if (isBelow(name, 'localhost')) throw invalid(text, 'localhost is this machine’s own')
  if (isBelow(name, own))
    throw invalid(text, `${own} is this host’s own; apps have their names there already`)
  return name
}

/**
 * The name beside it that people type as well: `www.example.com` for `example.com`, and the other way round.
 * Undefined when there can be none.
 *
 * @param domain as {@link parseDomain} gives it
 * @param own the host's own domain
 */
export function twinOf(domain: string, own: string): string | undefined {
  const bare = domain.startsWith('www.') ? domain.slice(4) : undefined
  const twin = bare ?? `www.${domain}`
  const fits = twin.includes('.') && !twin.startsWith('www.www.') && twin.length <= longest
  return fits && bare?.startsWith('www.') !== true && !isBelow(twin, own) ? twin : undefined
}

/** Whether a name is the domain or below it. */
export function isBelow(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`)
}

function invalid(text: string, reason: string): Problem {
  return new Problem({
    code: 'invalid_domain',
    status: 400,
    detail: `"${text.slice(0, 100)}" cannot be a custom domain: ${reason}; accepted: a name such as shop.example.com`,
  })
}
