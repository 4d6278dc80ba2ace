import type { TlsShape } from '../api/shapes.ts'

/** A certificate from a file that ends sooner should have been renewed by now. */
const SOON_MS = 7 * 24 * 3_600_000

/** What is to be said of a host's certificates. @param now epoch ms */
export function judgeCertificates(
  { mode, certificates, failures }: TlsShape,
  now: number,
): { result: 'ok' | 'failed'; detail: string } {
  const [failure] = failures
  if (failure) {
    const { subject, detail, notAfter, retryAt } = failure
    const others = failures.length > 1 ? `; ${failures.length - 1} more, see GET /v1/tls` : ''
    return failed(
      `${subject}: ${detail} (${stand(notAfter, now)}${again(mode, retryAt, now)})${others}${remedy(mode)}`,
    )
  }
  const [first] = certificates
  if (!first) return ok('no certificate yet: the first visit to a host obtains one')
  const left = Date.parse(first.notAfter) - now
  const until = `ends on ${first.notAfter.slice(0, 10)}`
  if (left <= 0)
    return failed(`the certificate for ${first.names[0]} has expired: it ${ended(first.notAfter)}`)
  if (mode === 'files' && left < SOON_MS)
    return failed(`the certificate for ${first.names[0]} ${until}: put a new one in its place`)
  const count = certificates.length === 1 ? '1 certificate, which' : `${certificates.length}; the first`
  return ok(`${count} ${until}`)
}

/** What visitors get meanwhile. */
function stand(notAfter: string | null, now: number): string {
  if (notAfter === null) return 'it has no certificate'
  return Date.parse(notAfter) > now
    ? `the one from before is good until ${notAfter.slice(0, 10)}`
    : `the one from before ${ended(notAfter)}`
}

function ended(notAfter: string): string {
  return `ended on ${notAfter.slice(0, 10)}`
}

function again(mode: TlsShape['mode'], retryAt: string, now: number): string {
  if (mode !== 'auto') return ''
  const minutes = Math.ceil((Date.parse(retryAt) - now) / 60_000)
  return minutes > 0 ? `; tried again in ${minutes} min at the earliest` : '; tried again with the next visit'
}

function remedy(mode: TlsShape['mode']): string {
  return mode === 'auto'
    ? ': the name must lead to this host, and its port 80 to DORMICE_LISTEN'
    : ': mend that file'
}

const ok = (detail: string) => ({ result: 'ok' as const, detail })
const failed = (detail: string) => ({ result: 'failed' as const, detail })
