import type { Domain } from '../store/records.ts'
import type { Challenge } from './claim.ts'
import { twinOf } from './name.ts'

/** What becomes of requests for a name. */
export type Route = {
  /** The app that they are for. */
  app?: string
  /** The name that they are sent on to. */
  redirect?: string
  /** What is answered on this one path. With nothing else, it is not shown yet whose the name is. */
  challenge: Challenge
}

/**
 * The routes by name. A name that was added itself goes before one that is another's twin.
 *
 * @param own the host's own domain
 * @param challengeOf of an app's claim to a name; undefined when there is no such app
 */
export function routesOf(
  domains: readonly Domain[],
  own: string,
  challengeOf: (app: string, domain: string) => Challenge | undefined,
): Map<string, Route> {
  const routes = new Map<string, Route>()
  for (const { domain, app, proof } of domains) {
    const challenge = challengeOf(app, domain)
    if (challenge) routes.set(domain, proof === null ? { challenge } : { app, challenge })
  }
  for (const { domain, app, proof, twinProof } of domains) {
    const twin = twinOf(domain, own)
    if (twin === undefined || routes.has(twin)) continue
    const challenge = challengeOf(app, twin)
    const isShown = proof !== null && twinProof !== null
    if (challenge) routes.set(twin, isShown ? { redirect: domain, challenge } : { challenge })
  }
  return routes
}
