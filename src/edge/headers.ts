import type { IncomingMessage } from 'node:http'
import type { WakeInfo } from '../apps/lease.ts'
import { hasPrefix, isName, nameSet } from './names.ts'

/** Headers as they are on the wire: name, value, name, value, … */
export type RawHeaders = string[]

/** What belongs to one connection and not to the message (RFC 9110, 7.6.1), either way. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/**
 * Taken out of a request: hop-by-hop ones, what this edge answers for itself (`Expect`), what it sets itself and
 * nobody may forge, and `Proxy`, which CGI-like apps mistake for the variable HTTP_PROXY (CVE-2016-5385).
 */
const notForApp = nameSet(
  ...HOP_BY_HOP,
  'expect',
  'http2-settings',
  'proxy',
  'forwarded',
  'x-real-ip',
  'x-request-id',
  'x-dormice-wake',
)
/** What only a proxy in front of this edge may tell an app about where a request comes from. */
const byProxy = nameSet(
  'forwarded',
  'x-real-ip',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-server',
)
const notForVisitor = nameSet(...HOP_BY_HOP)
/** A trailer may not say what had to be known before the body (RFC 9110, 6.5.1). */
const notInTrailer = nameSet(
  ...HOP_BY_HOP,
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'host',
  'set-cookie',
  'authorization',
  'cache-control',
)
/** Framing and routing do not become hop-by-hop because a Connection header lists them. */
const neverListed = nameSet('host', 'content-length')

/** What the edge tells an app about a request. */
export type Forwarding = {
  /** The request's Host header. */
  host: string
  /** The peer's address. */
  peer: string
  /** The peer is a proxy of ours: what it says of the request's origin stands, and is added to. */
  isProxied: boolean
  proto: 'http' | 'https'
  requestId: string
  wake: WakeInfo | undefined
}

/** How many Host headers a request has. Node itself keeps the first of several and says nothing. */
export function countHosts(raw: readonly string[]): number {
  let hosts = 0
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]
    if (name !== undefined && name.length === 4 && isName(name, 'host')) hosts++
  }
  return hosts
}

/** The headers an app gets: the visitor's, without hop-by-hop and forgeable ones, then ours. */
export function requestHeaders(req: IncomingMessage, forwarding: Forwarding): RawHeaders {
  const raw = req.rawHeaders
  let out: RawHeaders = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    if (!notForApp(name) && !hasPrefix(name, 'x-forwarded-') && !isFalseLength(name))
      out.push(name, raw[i + 1] as string)
  }
  out = withoutListed(out, req.headers.connection)
  if (forwarding.isProxied) addOrigin(out, req, forwarding)
  else {
    out.push(
      'X-Forwarded-For',
      forwarding.peer,
      'X-Forwarded-Proto',
      forwarding.proto,
      'X-Forwarded-Host',
      forwarding.host,
    )
  }
  out.push('X-Request-Id', forwarding.requestId)
  const te = req.headers.te
  if (te !== undefined && /(^|,)\s*trailers\s*(,|$)/i.test(String(te))) out.push('TE', 'trailers')
  if (forwarding.wake) out.push('X-Dormice-Wake', wakeHeader(forwarding.wake))
  return out
}

/** Without every header of that name, which is lower case. */
export function withoutHeader(headers: RawHeaders, name: string): RawHeaders {
  const out: RawHeaders = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isName(headers[i] as string, name)) out.push(headers[i] as string, headers[i + 1] as string)
  }
  return out
}

/** Passes on what a proxy of ours says of a request's origin, with itself added, and what it does not say. */
function addOrigin(out: RawHeaders, req: IncomingMessage, { peer, proto, host }: Forwarding): void {
  const { headers, rawHeaders: raw } = req
  const before = headers['x-forwarded-for']
  out.push('X-Forwarded-For', before === undefined ? peer : `${before}, ${peer}`)
  if (headers['x-forwarded-proto'] === undefined) out.push('X-Forwarded-Proto', proto)
  if (headers['x-forwarded-host'] === undefined) out.push('X-Forwarded-Host', host)
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    // With an underscore it is the visitor's own: proxies pass on what they do not know.
    if (byProxy(name) && !name.includes('_')) out.push(name, raw[i + 1] as string)
  }
}

/**
 * `Content_Length`, which servers that make variables of headers take for the length (as Puma did,
 * CVE-2024-45614), and with it another end of the body than ours.
 */
function isFalseLength(name: string): boolean {
  return name.length === 14 && name.charCodeAt(7) === UNDERSCORE && isName(name, 'content-length')
}

const UNDERSCORE = 0x5f

/** What a response's head becomes on its way to the visitor. */
export type ResponseRules = {
  /** Whether the response to this visitor can end with trailers: chunked, and with a body. */
  mayTrail: boolean
  /** Whether it may say how long its body is: 1xx and 204 may not (RFC 9110, 8.6). */
  maySize: boolean
  wake: WakeInfo | undefined
  /** Whether this connection takes no further request. */
  close: boolean
  /** What Strict-Transport-Security is to say where the app does not say it: the first one counts. */
  hsts?: string | undefined
}

/**
 * The headers a visitor gets: the app's, without hop-by-hop ones. Node adds the framing, and `Date` where the app
 * sent none.
 */
export function responseHeaders(raw: readonly (Buffer | string)[], rules: ResponseRules): RawHeaders {
  let out: RawHeaders = []
  let connection: string | undefined
  let trailer: string | undefined
  let sized = false
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i])
    const value = text(raw[i + 1])
    if (!notForVisitor(name)) {
      if (name.length === 14 && isName(name, 'content-length')) {
        if (!rules.maySize) continue
        sized = true
      }
      out.push(name, value)
    } else if (isName(name, 'connection'))
      connection = connection === undefined ? value : `${connection},${value}`
    else if (isName(name, 'trailer')) trailer = trailer === undefined ? value : `${trailer}, ${value}`
  }
  out = withoutListed(out, connection)
  // Node refuses to announce trailers where the body's framing cannot carry them.
  if (trailer !== undefined && rules.mayTrail && !sized) out.push('Trailer', trailer)
  if (rules.wake) out.push('Server-Timing', wakeTiming(rules.wake))
  if (rules.close) out.push('Connection', 'close')
  if (rules.hsts !== undefined) out.push('Strict-Transport-Security', rules.hsts)
  return out
}

/**
 * The trailers that an app gets, which must not tell it what headers may not: some servers take them for
 * headers.
 */
export function requestTrailers(raw: readonly string[]): [string, string][] {
  return trailerPairs(raw).filter(([name]) => !notForApp(name) && !hasPrefix(name, 'x-forwarded-'))
}

/** The trailers that may follow a forwarded body, as pairs. */
export function trailerPairs(raw: readonly (Buffer | string)[]): [string, string][] {
  const out: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i])
    if (!notInTrailer(name)) out.push([name, text(raw[i + 1])])
  }
  return out
}

/** A header's bytes as a string; latin1, so that bytes beyond ASCII come out as they went in. */
function text(value: Buffer | string | undefined): string {
  if (typeof value === 'string') return value
  return value === undefined ? '' : value.toString('latin1')
}

/** The wake and its parts, ms with one decimal. */
function wakeTiming(wake: WakeInfo): string {
  const parts = (wake.parts ?? []).map(({ name, ms }) => `wake-${name};dur=${Math.round(ms * 10) / 10}`)
  return [`wake;desc=${wakeHeader(wake)}`, ...parts].join(', ')
}

function wakeHeader(wake: WakeInfo): string {
  return `${wake.kind};dur=${Math.round(wake.ms)}`
}

/** What a Connection header nearly always says: nothing that is a header's name. */
const PLAIN = new Set(['keep-alive', 'Keep-Alive', 'close', 'Upgrade', 'upgrade'])

/** Without the headers that a Connection header lists as hop-by-hop. */
function withoutListed(headers: RawHeaders, connection: string | undefined): RawHeaders {
  if (connection === undefined || PLAIN.has(connection)) return headers
  const listed = connection
    .toLowerCase()
    .split(',')
    .map(token => token.trim())
    .filter(token => token !== '' && !neverListed(token))
  const isListed = nameSet(...listed)
  const out: RawHeaders = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!isListed(headers[i] as string)) out.push(headers[i] as string, headers[i + 1] as string)
  }
  return out
}
