import { hostName } from './host.ts'
import type { Answer } from './pages.ts'
import { portOf } from './pages.ts'

/** What becomes of requests for a custom domain. */
export type CustomDomain = {
  /** The app that they are for. */
  app?: string
  /** The name that they are sent on to, on the same port. */
  redirect?: string
  /** What is answered on this one path, whatever else: it shows that the name leads here. */
  challenge: { path: string; here: string }
}

/**
 * The custom domain of that name, if there is one. Called for every request whose host is not below the
 * domain: a Map lookup. @param name lower case, without port or dot at its end
 */
export type FindCustom = (name: string) => CustomDomain | undefined

/** What the edge does with a request for a host elsewhere; undefined: that is no custom domain. */
export function routeCustom(
  find: FindCustom,
  host: string,
  path: string,
): { app: string } | Answer | undefined {
  const custom = find(hostName(host))
  if (custom === undefined) return undefined
  const { app, redirect, challenge } = custom
  if (path === challenge.path) return { status: 200, text: challenge.here }
  if (app !== undefined) return { app }
  return redirect === undefined ? pending(host) : sentOn(`//${redirect}${portOf(host)}${path}`)
}

/**
 * To the same address at the other name: 308 keeps method and body. Without a scheme it is the one that the
 * visitor came by, which a proxy in front of the edge may know better.
 */
function sentOn(location: string): Answer {
  return { status: 308, location, text: `This is at ${location.slice(2)}.` }
}

function pending(host: string): Answer {
  const name = hostName(host)
  return {
    status: 404,
    code: 'domain_pending',
    text: `${name} is not served yet: it was not shown whose it is. If it is yours, \`dormice domains check ${name}\` says what to do.`,
  }
}
