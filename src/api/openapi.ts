import { z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import { ProblemShape } from './shapes.ts'

/** The path parameter of everything below `/v1/apps/:app`. */
export const appParam = z.object({
  app: z.string().openapi({ param: { name: 'app', in: 'path' }, example: 'hello' }),
})

/** A JSON answer for a route's `responses`. */
export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } }
}

/** What every route may answer beside its own; see `problems.ts`. */
export const problems = {
  default: { description: 'A problem', content: { 'application/problem+json': { schema: ProblemShape } } },
}

/** Turns a failed validation into a problem that names the first thing that was wrong. */
export function validationHook(result: { success: true } | { success: false; error: z.ZodError }): void {
  if (result.success) return
  const [issue] = result.error.issues
  const where = issue?.path.join('.')
  throw new Problem({
    code: 'invalid_request',
    status: 400,
    detail: `${where ? `${where}: ` : ''}${issue?.message ?? 'not valid'}`,
  })
}
