/**
 * The label a Host header names below the domain, lower case: `notes` for `Notes.example.com:8080` where the
 * domain is `example.com`. The empty string is the domain itself; undefined is a host elsewhere. The port and
 * one trailing dot are ignored, but what stands in the port's place must be one: an app that makes links of
 * `app.example.com:@evil.test` would send its visitors there. The label is not checked to be an app's name: a
 * lookup decides that.
 * @param domain lower case, without port or trailing dot
 */
export function parseHost(host: string, domain: string): string | undefined {
  const colon = host.lastIndexOf(':')
  let end = colon === -1 || host.indexOf(']', colon) !== -1 ? host.length : colon
  for (let i = end + 1; i < host.length; i++) {
    const code = host.charCodeAt(i)
    if (code < ZERO || code > NINE) return undefined
  }
  if (host.charCodeAt(end - 1) === DOT) end--
  const start = end - domain.length
  if (start < 0) return undefined
  const name = host.slice(0, end).toLowerCase()
  if (!name.endsWith(domain)) return undefined
  if (start === 0) return ''
  if (start === 1 || name.charCodeAt(start - 1) !== DOT) return undefined
  return name.slice(0, start - 1)
}

/**
 * Whether a Host header is one at all (RFC 9112, 3.2): a name or an address, and a port if any. Names are
 * held to what names on the Internet are made of.
 */
export function isHost(host: string): boolean {
  return /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d*)?$/i.test(host)
}

/** The name in a Host header that is one: lower case, without its port and a dot at its end. */
export function hostName(host: string): string {
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
}

const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
