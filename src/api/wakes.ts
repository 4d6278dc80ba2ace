import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { WakeTrace } from '../store/records.ts'
import { wakesKept } from '../store/wake-store.ts'
import { appParam, json, problems, validationHook } from './openapi.ts'
import type { Services } from './services.ts'
import { WakeShape } from './shapes.ts'

const accepted = { error: `accepted: 1 to ${wakesKept}` }
const query = z.object({
  limit: z.coerce.number(accepted).int(accepted).min(1, accepted).max(wakesKept, accepted).optional(),
})

/** `/v1/apps/:app/wakes`: how the app's last wakes went. */
export function wakeRoutes({ context, apps }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/wakes',
      summary: `The app’s last ${wakesKept} wakes, newest first: what each consisted of, and how it ended`,
      request: { params: appParam, query },
      responses: { 200: json('Wakes', z.object({ wakes: z.array(WakeShape) })), ...problems },
    }),
    c => {
      const { name } = apps.get(c.req.valid('param').app)
      const { limit } = c.req.valid('query')
      return c.json({ wakes: context.wakes.of(name, limit).map(renderWake) }, 200)
    },
  )
  return routes
}

function renderWake({ at, kind, outcome, ms, parts }: WakeTrace): WakeShape {
  const byName = Object.fromEntries(parts.map(part => [part.name, part.ms]))
  return { at: new Date(at).toISOString(), kind, outcome, ms, parts: byName }
}
