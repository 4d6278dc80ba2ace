import type { MiddlewareHandler } from 'hono'
import { Problem } from '../problem.ts'
import type { Store } from '../store/store.ts'

/** Lets requests through that show a token which was given out: `Authorization: Bearer <token>`. */
export function bearerToken({ store }: { store: Pick<Store, 'tokenName'> }): MiddlewareHandler {
  return async function bearerToken(c, next) {
    const [scheme, token] = (c.req.header('authorization') ?? '').split(' ', 2)
    const known = scheme?.toLowerCase() === 'bearer' && token && store.tokenName(token) !== undefined
    if (!known) {
      throw new Problem({
        code: 'unauthorized',
        status: 401,
        detail:
          'this needs a token: send "Authorization: Bearer <token>"; the admin token is in <data>/admin-token',
      })
    }
    await next()
  }
}
