import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { readLog } from '../apps/log-stream.ts'
import { NotFound } from '../engine/engine.ts'
import { appParam, problems, validationHook } from './openapi.ts'
import type { Services } from './services.ts'
import { LogLineShape } from './shapes.ts'
import { parseSince, sinceParam } from './since.ts'

const query = z.object({
  follow: z.enum(['true', 'false', '1', '0', '']).optional(),
  since: sinceParam,
  tail: z.coerce.number().int().min(0).max(1_000_000).optional(),
})

/** `/v1/apps/:app/logs`: log lines across sleeps, one JSON object a line. */
export function logRoutes({ context, apps }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/logs',
      summary: 'Log lines across sleeps, one JSON object a line',
      request: { params: appParam, query },
      responses: {
        200: { description: 'Lines', content: { 'application/x-ndjson': { schema: LogLineShape } } },
        ...problems,
      },
    }),
    async c => {
      const instance = apps.get(c.req.valid('param').app)
      const { follow, since, tail } = c.req.valid('query')
      if (instance.container !== undefined) await refuseWithoutEngine(instance.container)
      const left = new AbortController()
      const lines = readLog(context, instance, {
        since: since === undefined ? undefined : parseSince(since, context.now()),
        tail,
        follow: follow !== undefined && follow !== 'false' && follow !== '0',
        signal: left.signal,
      })
      const encoder = new TextEncoder()
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { value, done } = await lines.next()
            if (done) return controller.close()
            const line = { ...value, at: new Date(value.at).toISOString() }
            controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`))
          },
          cancel() {
            left.abort()
          },
        },
        // Not before somebody reads: the body of an answer to HEAD is never read, and never cancelled.
        { highWaterMark: 0 },
      )
      return new Response(body, {
        headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
      }) as never
    },
  )
  return routes

  /** An answer that has begun can only be broken off; before, it can still say that the engine is down. */
  async function refuseWithoutEngine(container: string): Promise<void> {
    await context.engine.container(container).catch(error => {
      // It was put to sleep a moment ago, and its lines are kept.
      if (!(error instanceof NotFound)) throw error
    })
  }
}
