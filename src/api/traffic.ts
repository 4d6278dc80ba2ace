import { setImmediate as turn } from 'node:timers/promises'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { addFigures, nothing } from '../traffic/figures.ts'
import { hourMs } from '../traffic/traffic.ts'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { renderFigures } from './render-traffic.ts'
import type { Services } from './services.ts'
import { AllTrafficShape, AppTrafficShape } from './shapes.ts'
import { parseSince, sinceParam } from './since.ts'

const query = z.object({ since: sinceParam })
/** Apps after whose figures requests have their turn. */
const atOnce = 10

/** `/v1/traffic` and `/v1/apps/:app/traffic`: what apps were asked. */
export function trafficRoutes({ context, apps, traffic }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  /** Figures are of whole hours: from the beginning of the one that `since` is in. */
  const firstHour = (since: string | undefined) => {
    const at = Math.max(0, parseSince(since ?? '24h', context.now()))
    return at - (at % hourMs)
  }

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/traffic',
      summary:
        'What the app was asked, by hours of the last 30 days, the running one included; 24 h unless told',
      request: { params: appParam, query },
      responses: { 200: json('The figures', AppTrafficShape), ...problems },
    }),
    c => {
      const { name } = apps.get(c.req.valid('param').app)
      const since = firstHour(c.req.valid('query').since)
      const hours = traffic.hours(name, since)
      const answer = {
        app: name,
        since: iso(since),
        total: renderFigures(hours.reduce((sum, { figures }) => addFigures(sum, figures), nothing)),
        hours: hours.map(({ hour, figures }) => ({ hour: iso(hour), ...renderFigures(figures) })),
      }
      return c.json(answer, 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/traffic',
      summary: 'What each app was asked; of the last 24 h unless told',
      request: { query },
      responses: { 200: json('The figures by app', AllTrafficShape), ...problems },
    }),
    async c => {
      const since = firstHour(c.req.valid('query').since)
      const all = []
      for (const [n, { name }] of context.store.apps().entries()) {
        if (n % atOnce === atOnce - 1) await turn()
        const hours = traffic.hours(name, since)
        if (hours.length === 0) continue
        const total = hours.reduce((sum, { figures }) => addFigures(sum, figures), nothing)
        all.push({ app: name, ...renderFigures(total) })
      }
      return c.json({ since: iso(since), apps: all, unrouted: traffic.unrouted }, 200)
    },
  )

  return routes
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
