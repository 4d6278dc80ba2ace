import type { IncomingMessage } from 'node:http'
import { hostName } from '../host.ts'
import type { Answer } from '../pages.ts'
import type { Proxies } from '../proxies.ts'
import type { Route } from '../router.ts'
import type { CertificateSource } from './source.ts'

const CHALLENGES = '/.well-known/acme-challenge/'

export type PlainOptions = {
  source: CertificateSource
  /** The port that visitors reach HTTPS by. */
  port: () => number
  /** What comes from a proxy of ours came to that as it should; it is not sent elsewhere. */
  proxies: Proxies | undefined
}

/**
 * What becomes of requests that came without TLS where there is HTTPS: the CA's are answered, all others for what
 * is here are sent there.
 */
export function redirecting(route: (req: IncomingMessage) => Route, options: PlainOptions) {
  const { source } = options
  return (req: IncomingMessage): Route => {
    const found = route(req)
    if (found.to === 'edge' || 'encrypted' in req.socket) return found
    const path = found.to === 'app' ? found.routed.path : found.path
    if (path.startsWith(CHALLENGES)) {
      const text = source.challenge(path.slice(CHALLENGES.length))
      // Others may be an app's own.
      return text === undefined ? found : { to: 'edge', answer: { status: 200, text, exact: true } }
    }
    // For a container's health check, a load balancer's: they know an address, and judge no certificates.
    if (found.to === 'control' && path === '/healthz') return found
    if (options.proxies?.has(req.socket.remoteAddress ?? '')) return found
    const host = req.headers.host ?? ''
    // Without a certificate for this host its visitors would be sent to a handshake that fails.
    if (!source.offers(hostName(host))) return found
    return { to: 'edge', answer: moved(host, options.port(), path) }
  }
}

function moved(host: string, port: number, path: string): Answer {
  const name = host.replace(/:\d*$/, '')
  const location = `https://${name}${port === 443 ? '' : `:${port}`}${path}`
  return { status: 308, text: `This is at ${location} now.`, location }
}
