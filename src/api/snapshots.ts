import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { renderSnapshot } from './render.ts'
import type { Services } from './services.ts'
import { SnapshotShape } from './shapes.ts'

/** `/v1/apps/:app/snapshots`: the state side of the timeline. */
export function snapshotRoutes({ context: { store }, apps }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/snapshots',
      summary: 'Snapshots, oldest first',
      request: { params: appParam },
      responses: { 200: json('Snapshots', z.object({ snapshots: z.array(SnapshotShape) })), ...problems },
    }),
    c => {
      const { name } = apps.get(c.req.valid('param').app)
      const app = store.app(name)
      const snapshots = app ? store.snapshots(name).map(snapshot => renderSnapshot(snapshot, app)) : []
      return c.json({ snapshots }, 200)
    },
  )
  return routes
}
