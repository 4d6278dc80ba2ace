import type { IncomingMessage } from 'node:http'
import { Problem } from '../problem.ts'
import { invocation, startHost } from './invocation.ts'
import type { Target } from './target.ts'

/** A connection that failed, in one sentence that says what to do. */
export function unreachable(target: Target, error: Error): Problem {
  const { url } = target
  const { code = '' } = error as NodeJS.ErrnoException
  const { message } = error
  const at = url.origin
  const detail = (() => {
    if (code === 'ECONNREFUSED')
      return `nothing answers at ${at}; ${elsewhere(target) ?? `start the host with \`${startHost()}\`, or set DORMICE_URL to where it runs`}`
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
      return `${url.hostname} is not known on this network; check DORMICE_URL`
    if (code === 'ECONNRESET' || code === 'EPIPE')
      return `the host at ${at} closed the connection before it answered; look at its log, then try again`
    if (code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
      return `${at} does not answer (${message}); check DORMICE_URL and that the host runs`
    if (UNKNOWN_CA.has(code))
      return `the certificate of ${at} is from no CA that is known here; name a file with that CA in NODE_EXTRA_CA_CERTS`
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
      return `the certificate of ${at} is for other names than ${url.hostname}; check DORMICE_URL`
    if (code === 'CERT_HAS_EXPIRED') return `the certificate of ${at} has expired; look at the host’s log`
    if (PLAIN_HTTP.test(message))
      return `that port of ${url.hostname} speaks plain HTTP; set DORMICE_URL to http://${url.hostname}:${url.port || 443}`
    if (NO_CERTIFICATE.test(message))
      return `the host at ${at} has no certificate for ${url.hostname}; set DORMICE_URL to its address over plain HTTP, where \`${invocation('doctor')}\` says more`
    if (code.startsWith('HPE_')) return `${at} answers, but not in HTTP; check DORMICE_URL`
    return `no connection to ${at}: ${message || code}`
  })()
  return new Problem({ code: 'host_unreachable', status: 503, detail, cause: error })
}

/** What to do where a host on this machine has noted that it is elsewhere. */
function elsewhere({ noted }: Target): string | undefined {
  return noted && `the host on ${noted.folder} is at ${noted.url}: set DORMICE_URL to that if it runs`
}

/** What OpenSSL says of an answer to its handshake that is none. */
const PLAIN_HTTP = /SSL routines:.*(wrong version number|packet length too long)/
/** What OpenSSL says of the alerts by which servers tell that they have no certificate for a name (RFC 8446, 6.2). */
const NO_CERTIFICATE = /SSL alert number (40|112)\b/

/** What OpenSSL says of a certificate whose signer is not trusted, and of one that signed itself. */
const UNKNOWN_CA: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** There is a host, whose domain is another one. */
export function otherName(target: Target): Problem {
  const { url } = target
  const remedy =
    elsewhere(target) ?? `set DORMICE_URL to ${url.protocol}//dormice.<its DORMICE_DOMAIN>, with the port`
  const detail = `the host at ${url.origin} has another name; ${remedy}`
  return new Problem({ code: 'not_a_dormice_host', status: 404, detail })
}

/** The answer of something that is not Dormice, or that is elsewhere. */
export function strange({ url }: Target, response: IncomingMessage): Problem {
  const status = response.statusCode ?? 0
  const to = URL.parse(response.headers.location ?? '', url.href)
  const detail =
    status >= 300 && status < 400 && to
      ? `${url.origin} sends us on to ${to.origin}; set DORMICE_URL to that if it is your host`
      : `${url.origin} answers, but not as a Dormice host does (status ${status}); check DORMICE_URL`
  return new Problem({ code: 'not_a_dormice_host', status: 502, detail })
}

/** The host did not accept the token, or there was none. */
export function rejected(target: Target): Problem {
  const { url, token, tokenFrom } = target
  const ofFolder = tokenFrom === 'DORMICE_TOKEN' ? undefined : elsewhere(target)
  const remedy = ofFolder ?? 'set DORMICE_TOKEN, or DORMICE_DATA to the host’s data folder'
  return token === undefined
    ? new Problem({
        code: 'token_missing',
        status: 401,
        detail: `${url.origin} asks for a token and there is none in ${tokenFrom}; ${remedy}`,
      })
    : new Problem({
        code: 'token_rejected',
        status: 401,
        detail: `${url.origin} does not accept the token of ${tokenFrom}; ${remedy}`,
      })
}

/** The answer ended before it was complete. */
export function cutOff({ url }: Target, cause: unknown): Problem {
  return new Problem({
    code: 'host_unreachable',
    status: 503,
    detail: `the host at ${url.origin} ended its answer too early; look at its log, then try again`,
    cause,
  })
}
