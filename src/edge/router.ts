import type { IncomingMessage } from 'node:http'
import type { FindCustom } from './custom.ts'
import { routeCustom } from './custom.ts'
import { countHosts } from './headers.ts'
import { isHost, parseHost } from './host.ts'
import type { Answer } from './pages.ts'
import { badRequest, bareDomain, unknownHost } from './pages.ts'
import type { Site, Sites } from './site.ts'
import { originForm } from './target.ts'

/** A request of an app as the router understood it. */
export type Routed = {
  site: Site
  /** Origin-form path and query. */
  path: string
  host: string
}

/** Where a request goes. */
export type Route =
  | { to: 'app'; routed: Routed }
  | { to: 'control'; path: string }
  /** `distrust`: it may be understood otherwise elsewhere, and what follows it on its connection is passed over. */
  | { to: 'edge'; answer: Answer; distrust?: boolean }

/** @property domain lower case */
export type RouterOptions = {
  sites: Sites
  domain: string
  targetBytes: number
  custom?: FindCustom | undefined
}

/** Where a request goes, by its Host, once it can be understood in just one way. */
export function createRouter({ sites, domain, targetBytes, custom = () => undefined }: RouterOptions) {
  return (req: IncomingMessage): Route => {
    const { headers, url = '' } = req
    if (req.httpVersionMajor !== 1) return refuse(UNKNOWN_VERSION)
    if (url.length > targetBytes) return refuse(TOO_LONG)
    const host = headers.host
    if (!host || countHosts(req.rawHeaders) !== 1) return refuse(ONE_HOST)
    const coding = headers['transfer-encoding']
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') return refuse(UNKNOWN_CODING)
      if (req.httpVersionMinor === 0) return refuse(NO_CHUNKS_YET)
    }
    if (url === '*' && req.method === 'OPTIONS') return { to: 'edge', answer: ALIVE }
    const path = originForm(url, host)
    if (path === undefined) return refuse(BAD_TARGET)
    const label = parseHost(host, domain)
    if (label === 'dormice') return { to: 'control', path }
    if (label === '') return { to: 'edge', answer: bareDomain(host, domain) }
    let site: Site | undefined
    if (label !== undefined) site = sites.find(label)
    else if (isHost(host)) {
      const found = routeCustom(custom, host, path)
      if (found && 'status' in found) return { to: 'edge', answer: found }
      site = found && sites.find(found.app)
    }
    if (site === undefined) {
      return isHost(host) ? { to: 'edge', answer: unknownHost(host, domain) } : refuse(BAD_HOST)
    }
    return { to: 'app', routed: { site, path, host } }
  }
}

/** The answer to `OPTIONS *`, which asks about the server and not about an app. */
const ALIVE: Answer = { status: 200, text: 'This server is up.' }

const UNKNOWN_VERSION: Answer = {
  status: 505,
  code: 'unknown_version',
  text: 'The versions of HTTP known here are 1.1 and 1.0.',
}
const TOO_LONG: Answer = {
  status: 414,
  code: 'uri_too_long',
  text: 'The address of this request is too long.',
}
const NO_CHUNKS_YET = badRequest('HTTP/1.0 has no Transfer-Encoding.')
const BAD_HOST = badRequest('The Host header is not a host name with an optional port.')
const ONE_HOST = badRequest('A request needs exactly one Host header.')
const BAD_TARGET = badRequest(
  'The request target is not a path, or names another host than the Host header does.',
)
const UNKNOWN_CODING: Answer = {
  status: 501,
  code: 'unknown_coding',
  text: 'The only transfer coding known here is chunked.',
}

function refuse(answer: Answer): Route {
  return { to: 'edge', answer, distrust: true }
}
