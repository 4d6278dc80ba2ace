import { Problem } from '../problem.ts'
import { txtName } from './claim.ts'
import type { Claimed } from './looks.ts'

/* What callers are told when a domain cannot be had. Nothing tells whose it is. */

export function unknownDomain(app: string, domain: string): Problem {
  return new Problem({
    code: 'unknown_domain',
    status: 404,
    detail: `${app} has no domain ${domain.slice(0, 100)}; "dormice domains ls ${app}" lists them`,
  })
}

export function tooManyDomains(app: string, most: number): Problem {
  return new Problem({
    code: 'too_many_domains',
    status: 409,
    detail: `${app} has ${most} domains already, the most that an app can have`,
  })
}

/** Another app has the name, and DNS says so or does not say anything else. */
export function domainTaken({ domain, app, challenge }: Claimed): Problem {
  return new Problem({
    code: 'domain_taken',
    status: 409,
    detail: `${domain} belongs to another app of this host; remove it there first ("dormice domains rm ${domain}"), or show by DNS that it is meant for ${app}: make ${txtName(domain)} a TXT record of "${challenge.value}", leave no record that names the other app, and add it again`,
  })
}
