/**
 * The label a Host header names below the domain, lower case: `notes` for `Notes.example.com:8080` where the
 * domain is `example.com`. The empty string is the domain itself; undefined is a host elsewhere. The port and
 * one trailing dot are ignored. The label is not checked to be an app's name: a lookup decides that.
 * @param domain lower case, without port or trailing dot
 */
export function parseHost(host: string, domain: string): string | undefined {
  const colon = host.lastIndexOf(':')
  let end = colon === -1 || host.indexOf(']', colon) !== -1 ? host.length : colon
  if (host.charCodeAt(end - 1) === DOT) end--
  const start = end - domain.length
  if (start < 0) return undefined
  const name = host.slice(0, end).toLowerCase()
  if (!name.endsWith(domain)) return undefined
  if (start === 0) return ''
  if (start === 1 || name.charCodeAt(start - 1) !== DOT) return undefined
  return name.slice(0, start - 1)
}

const DOT = 0x2e
