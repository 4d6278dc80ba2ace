import { createHash } from 'node:crypto'

/** An app's claim to a name. */
export type Claim = {
  domain: string
  app: string
  /** Epoch ms: an app made anew under an old name has other claims. */
  appCreatedAt: number
}

/** What shows a claim. */
export type Challenge = {
  /** Path that has to answer with `value` at the name. */
  path: string
  /** What a TXT record at `_dormice.<name>` has to be. */
  value: string
  /** What the edge answers on `path`: `value`, and that it was this host. */
  here: string
}

/** Where all paths of challenges begin. */
export const challengeFolder = '/.well-known/dormice/'

/**
 * A claim's challenge, derived so that it need not be stored: who removes a domain and adds it again need not
 * change their records. It is bound to the host, the app and the name, and that is all: nothing about it is
 * secret, because nobody can put another's value into a DNS that they do not control. The value does not
 * follow from the path for who only sees that, so a server that says back what it is asked for shows nothing.
 *
 * @param host id of the host
 */
export function challengeOf(host: string, { domain, app, appCreatedAt }: Claim): Challenge {
  const digest = createHash('sha256')
    .update(JSON.stringify([host, app, appCreatedAt, domain]))
    .digest('hex')
  const value = `dormice=${digest.slice(32)}`
  return { path: challengeFolder + digest.slice(0, 32), value, here: `${value} here` }
}

/** Where the TXT record of a name is. */
export function txtName(domain: string): string {
  return `_dormice.${domain}`
}
