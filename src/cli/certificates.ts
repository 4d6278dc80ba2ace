import type { TlsShape } from '../api/shapes.ts'

/** A certificate from a file that ends sooner should have been renewed by now. */
const SOON_MS = 7 * 24 * 3_600_000

/** What is to be said of a host's certificates. @param now epoch ms */
export function judgeCertificates(
  { mode, certificates, failures, unnamed }: TlsShape,
  now: number,
): { result: 'ok' | 'failed'; detail: string } {
  const [failure] = failures
  const [first] = certificates
  if (failure) {
    const { subject, detail } = failure
    const others = failures.length > 1 ? `; ${failures.length - 1} more, see GET /v1/tls` : ''
    return failed(
      mode === 'files'
        ? `${subject}: ${detail}; ${ofFile(failure, first !== undefined, now)}${others}`
        : `${subject}: ${detail} (${stand(failure, now)})${others}: the name must lead to this host, and its port 80 to DORMICE_LISTEN`,
    )
  }
  if (!first && mode === 'files') return failed(NO_FILES)
  if (!first) return ok('no certificate yet: the first visit to a host obtains one')
  const left = Date.parse(first.notAfter) - now
  const until = `ends on ${first.notAfter.slice(0, 10)}`
  if (left <= 0)
    return failed(`the certificate for ${first.names[0]} has expired: it ${ended(first.notAfter)}`)
  if (unnamed.length > 0)
    return failed(
      `no certificate names ${listed(unnamed)}: over HTTPS nothing answers there, plain HTTP alone; put one that does in the folder of DORMICE_TLS_FILES`,
    )
  if (mode === 'files' && left < SOON_MS)
    return failed(`the certificate for ${first.names[0]} ${until}: put a new one in its place`)
  const count = certificates.length === 1 ? '1 certificate, which' : `${certificates.length}; the first`
  return ok(`${count} ${until}`)
}

/** All but an endless list of them. */
function listed(hosts: readonly string[]): string {
  const more = hosts.length - MOST_LISTED
  return more > 0
    ? `${hosts.slice(0, MOST_LISTED).join(', ')} and ${more} more (GET /v1/tls)`
    : hosts.join(', ')
}
const MOST_LISTED = 10

const NO_FILES =
  'no certificate with its key is in the folder of DORMICE_TLS_FILES, so no host has HTTPS: put NAME.crt beside NAME.key there'

type Failure = TlsShape['failures'][number]

/** What visitors get while a file cannot be used. @param hasOthers there are certificates all the same */
function ofFile({ notAfter }: Failure, hasOthers: boolean, now: number): string {
  if (notAfter === null) return `${hasOthers ? 'it is not served' : 'no host has HTTPS'} until that is mended`
  return `what was there before is served, and ${lifetime(notAfter, now)}`
}

/** What visitors get while a name's certificate cannot be obtained, and when that is tried again. */
function stand({ notAfter, retryAt }: Failure, now: number): string {
  const meanwhile =
    notAfter === null ? 'it has no certificate' : `the one from before ${lifetime(notAfter, now)}`
  const minutes = Math.ceil((Date.parse(retryAt) - now) / 60_000)
  return `${meanwhile}; tried again ${minutes > 0 ? `in ${minutes} min at the earliest` : 'with the next visit'}`
}

function lifetime(notAfter: string, now: number): string {
  return Date.parse(notAfter) > now ? `is good until ${notAfter.slice(0, 10)}` : ended(notAfter)
}

function ended(notAfter: string): string {
  return `ended on ${notAfter.slice(0, 10)}`
}

const ok = (detail: string) => ({ result: 'ok' as const, detail })
const failed = (detail: string) => ({ result: 'failed' as const, detail })
