/**
 * The request target as an origin-form path with its query, which is all that an app is given; undefined for one
 * that must be refused. Absolute-form loses its scheme and authority, which has to be the Host header's: two
 * different answers to "which host" are how requests are smuggled past a router (RFC 9112, 3.2.2). Leading
 * slashes become one, because `//evil.example/x` is an authority to many URL parsers.
 */
export function originForm(target: string, host: string): string | undefined {
  if (target.charCodeAt(0) !== SLASH) return fromAbsolute(target, host)
  if (target.indexOf('#') !== -1) return undefined
  return target.charCodeAt(1) === SLASH ? oneSlash(target) : target
}

const SLASH = 0x2f

function fromAbsolute(target: string, host: string): string | undefined {
  const match = /^https?:\/\/([^/?#@]+)((?:[/?][^#]*)?)$/i.exec(target)
  const [, authority, rest] = match ?? []
  if (authority === undefined || rest === undefined) return undefined
  if (authority.toLowerCase() !== host.toLowerCase()) return undefined
  return rest.startsWith('/') ? oneSlash(rest) : `/${rest}`
}

function oneSlash(path: string): string {
  let start = 0
  while (path.charCodeAt(start + 1) === SLASH) start++
  return start === 0 ? path : path.slice(start)
}
