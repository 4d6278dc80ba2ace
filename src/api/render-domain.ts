import type { DomainStatus } from '../domains/domains.ts'
import type { Look } from '../domains/looks.ts'
import type { DomainShape } from './shapes.ts'

const iso = (ms: number) => new Date(ms).toISOString()

/** @param origin where visitors find a host */
export function renderDomain(status: DomainStatus, origin: (host: string) => string): DomainShape {
  const { row, target, challenge, records, look, nextLookAt, twin } = status
  return {
    domain: row.domain,
    app: row.app,
    url: origin(row.domain),
    state: row.proof === null ? 'pending' : 'verified',
    proof: row.proof,
    createdAt: iso(row.createdAt),
    verifiedAt: row.verifiedAt === null ? null : iso(row.verifiedAt),
    target,
    apex: look?.evidence.isApex ?? null,
    records,
    file: { url: `http://${row.domain}${challenge.path}`, content: challenge.value },
    ...renderLook(look),
    nextCheckAt: nextLookAt === undefined ? null : iso(nextLookAt),
    redirectFrom: twin
      ? {
          domain: twin.domain,
          state: row.proof === null || twin.proof === null ? 'pending' : 'verified',
          proof: twin.proof,
          records: twin.records,
          ...renderLook(twin.look),
        }
      : null,
  }
}

function renderLook(look: Look | undefined): Pick<DomainShape, 'checkedAt' | 'pointsHere' | 'checks'> {
  return {
    checkedAt: look ? iso(look.at) : null,
    pointsHere: look?.pointsHere ?? null,
    checks: look?.checks ?? [],
  }
}
