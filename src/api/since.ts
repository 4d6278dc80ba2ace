import { z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import { parseDuration } from '../releases/values.ts'

/** The query parameter `since`. */
export const sinceParam = z
  .string()
  .optional()
  .openapi({ description: 'ISO 8601 time, or a duration back from now, e.g. 10m' })

/** A `since` as epoch ms. @throws {Problem} 400 `invalid_request` */
export function parseSince(text: string, now: number): number {
  const ago = parseDuration(text)
  const at = ago === undefined ? Date.parse(text) : now - ago
  if (!Number.isNaN(at)) return at
  throw new Problem({
    code: 'invalid_request',
    status: 400,
    detail: `since="${text.slice(0, 60)}" is not a time; accepted: ISO 8601, or a duration such as 10m`,
  })
}
