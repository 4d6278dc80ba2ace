import type { MiddlewareHandler } from 'hono'
import { Problem } from '../problem.ts'

/**
 * Refuses bodies that do not say how long they are, or are too long to be held in memory as JSON. (hono's own
 * `bodyLimit` makes a new Request, which does not work with node-server's light one.)
 *
 * @param maxBytes most bytes of a body
 */
export function jsonBodyLimit({ maxBytes = 256 * 1024 } = {}): MiddlewareHandler {
  return async function jsonBodyLimit(c, next) {
    if (c.req.header('transfer-encoding') !== undefined) {
      throw new Problem({
        code: 'length_required',
        status: 411,
        detail: 'send this body with a Content-Length',
      })
    }
    if (Number(c.req.header('content-length') ?? 0) > maxBytes) {
      throw new Problem({
        code: 'body_too_large',
        status: 413,
        detail: `a JSON body may have ${maxBytes} bytes`,
      })
    }
    await next()
  }
}
