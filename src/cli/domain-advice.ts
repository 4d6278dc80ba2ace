import type { DomainShape } from '../api/shapes.ts'
import { table } from './table.ts'
import { sentence, style } from './terminal.ts'

/** How a domain was shown, in a word or two. */
export const proofs = { cname: 'CNAME', txt: 'TXT record', http: 'HTTP' } as const satisfies Record<
  NonNullable<DomainShape['proof']>,
  string
>

type DnsRecord = DomainShape['records'][number]

/** What is so. */
export function headline({ domain, app, state, pointsHere, url }: DomainShape): string {
  const pending = `${domain} is added to ${app}, and ${style('yellow', 'pending', process.stdout)} until it is shown to be yours`
  if (state === 'pending') return pending
  const verified = `${domain} is ${app}’s, ${style('green', 'verified', process.stdout)}`
  return pointsHere === false ? verified : `${verified}  ${url}`
}

/**
 * What to do in DNS for a domain, and what was found instead; no lines when all is done.
 *
 * @param twin whether also for the name with or without www where hardly anybody types it
 */
export function explain(domain: DomainShape, twin: boolean): string[] {
  const isDone = domain.state === 'verified' && domain.pointsHere !== false
  return [...(isDone ? [] : instructions(domain)), ...twinLines(domain, isDone, twin)]
}

function instructions({ domain, state, target, apex, records, checks, file }: DomainShape): string[] {
  const lines: string[] = ['']
  const visitors = records.filter(({ purpose }) => purpose !== 'owner')
  const isPending = state === 'pending'
  if (isPending)
    lines.push(
      `Make ${these(visitors)} in the DNS of ${domain}: it leads its visitors here and shows that it is yours.`,
    )
  else
    lines.push(
      `Its visitors do not come here directly. Unless something in front leads them here, make ${these(visitors)}:`,
    )
  lines.push('', ...rows(visitors))
  const own = target.slice(target.indexOf('.') + 1)
  if (own === 'localhost' || own.endsWith('.localhost')) {
    lines.push(
      '',
      `This host’s own domain is ${own}, which no DNS leads to; with DORMICE_DOMAIN set to a domain of yours, a CNAME does it.`,
    )
  } else if (apex) {
    lines.push(
      '',
      `${domain} is the top of its zone, which cannot have a CNAME. If your DNS offers ALIAS or ANAME, make that,`,
    )
    lines.push(`of ${target}: it follows this host when its address changes.`)
  }
  if (isPending) {
    lines.push('', 'While its visitors are to go elsewhere for now, this shows that it is yours:', '')
    lines.push(...rows(records.filter(({ purpose }) => purpose === 'owner')))
    lines.push('', `or a file that ${file.url}`, `answers with: ${file.content}`)
  }
  const open = checks.filter(({ ok, method }) => !ok && (isPending || method !== 'txt'))
  const found = open.map(({ detail }) => `  ✗ ${sentence(detail)}`)
  if (found.length > 0) lines.push('', 'Found instead:', ...found)
  return lines
}

/** The name with or without www: worth a word where people type both, or where it works. */
function twinLines({ domain, apex, redirectFrom }: DomainShape, isDone: boolean, isAsked: boolean): string[] {
  if (!redirectFrom) return []
  if (redirectFrom.state === 'verified')
    return ['', `Visitors of ${redirectFrom.domain} are sent on to ${domain}.`]
  if (!isAsked && !apex && !domain.startsWith('www.')) return []
  const visitors = redirectFrom.records.filter(({ purpose }) => purpose !== 'owner')
  const lead = `For visitors of ${redirectFrom.domain} to be sent on to ${domain}, make ${these(visitors)}${isDone ? '' : ' too'}:`
  return ['', lead, '', ...rows(visitors)]
}

function these(records: readonly DnsRecord[]): string {
  return records.length === 1 ? 'this record' : 'these records'
}

function rows(records: readonly DnsRecord[]): string[] {
  const cells = records.map(({ name, type, value }) => [name, type, value ?? 'the address of this server'])
  return table(cells).map(line => `  ${line}`)
}
