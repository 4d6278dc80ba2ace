import { z } from '@hono/zod-openapi'
import type { Access } from '../apps/rules.ts'
import { hashPassword } from '../passwords.ts'
import { Problem } from '../problem.ts'
import { mostUsers, UserName } from '../releases/access.ts'
import type { AccessShape } from './shapes.ts'

/** Access rules as everybody may see them who may see the app: without what its users' passwords are checked by. */
export function showAccess({ auth, ...rules }: Access): AccessShape {
  return auth === undefined ? rules : { ...rules, auth: Object.keys(auth) }
}

const Password = z.string().refine(text => {
  const bytes = Buffer.byteLength(text)
  // Browsers send no other ones whole, and longer ones would only cost.
  return text.length >= 8 && bytes <= 256 && !/\p{Cc}/u.test(text)
})

/**
 * Access rules after a change: members that the change does not name stay, those that are null go, and so for the
 * users in `auth`, whose passwords are hashed here. The rest of the change is still to be checked.
 *
 * @throws {Problem} 400 `invalid_settings`, which says no password
 */
export async function withHashes(change: unknown): Promise<unknown> {
  if (!isObject(change) || !('auth' in change) || change['auth'] === null) return change
  const { auth } = change
  if (!isObject(auth)) throw badAuth('accepted: {"user": "password", …}, or null to let everybody in')
  const users = Object.entries(auth)
  if (users.length > mostUsers) throw badAuth(`accepted: at most ${mostUsers} users`)
  for (const [user, password] of users) {
    if (!UserName.safeParse(user).success) {
      // Without the name, which may be a password in its place.
      throw badAuth('a user’s name is not accepted; accepted: 1 to 64 of A-Z, a-z, 0-9 and ._@+-')
    }
    if (password === null || Password.safeParse(password).success) continue
    throw badAuth(
      'a password is not accepted; accepted: 8 to 256 bytes without control characters, or null to remove the user',
    )
  }
  const hashed: [string, string | null][] = []
  // One after the other: each takes a thread that files are read by as well.
  for (const [user, password] of users)
    hashed.push([user, password === null ? null : await hashPassword(String(password))])
  return { ...change, auth: Object.fromEntries(hashed) }
}

/** Access rules with a change put upon them: see {@link withHashes}, which goes before. */
export function mergeAccess(now: Access | undefined, change: unknown): unknown {
  if (!isObject(change)) return change
  const { auth, ...rest } = change
  const merged = merge({ ...now }, rest)
  if (auth === undefined) return merged
  const users = isObject(auth) ? merge({ ...now?.auth }, auth) : {}
  delete merged['auth']
  return Object.keys(users).length === 0 ? merged : { ...merged, auth: users }
}

/** A change's members over those that are there; a null takes one away (RFC 7396). */
function merge(now: Record<string, unknown>, change: Record<string, unknown>): Record<string, unknown> {
  const all = Object.entries({ ...now, ...change })
  return Object.fromEntries(all.filter(([key]) => change[key] !== null))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function badAuth(why: string): Problem {
  return new Problem({ code: 'invalid_settings', status: 400, detail: `access.auth: ${why}` })
}
