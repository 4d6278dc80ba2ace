import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { unknownApp } from '../apps/problems.ts'
import type { App, Snapshot } from '../store/records.ts'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { renderOverrun, renderSnapshot } from './render.ts'
import type { Services } from './services.ts'
import { ChangesShape, OverrunShape, SnapshotShape, TakenShape } from './shapes.ts'

const snapshotParam = appParam.extend({
  n: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'accepted: the number of a snapshot')
    .transform(Number)
    .openapi({ type: 'integer', param: { name: 'n', in: 'path' }, example: 12 }),
})

/** `/v1/apps/:app/snapshots`: the state side of the timeline. */
export function snapshotRoutes({ context: { store }, apps, timeline }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  const stored = (name: string): App => {
    apps.get(name)
    const app = store.app(name)
    if (!app) throw unknownApp(name)
    return app
  }
  const show = (snapshot: Snapshot) => renderSnapshot(snapshot, stored(snapshot.app))

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/snapshots',
      summary: 'Snapshots, and when the app reached its memory limit, oldest first',
      request: { params: appParam },
      responses: {
        200: json(
          'Snapshots',
          z.object({ snapshots: z.array(SnapshotShape), overruns: z.array(OverrunShape) }),
        ),
        ...problems,
      },
    }),
    c => {
      const app = stored(c.req.valid('param').app)
      const snapshots = store.snapshots(app.name).map(snapshot => renderSnapshot(snapshot, app))
      return c.json({ snapshots, overruns: store.overruns.of(app.name).map(renderOverrun) }, 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/snapshots',
      summary: 'Take a snapshot now; a running app goes on, frozen while its disk is read',
      request: { params: appParam },
      responses: {
        200: json('Nothing was written since the newest snapshot', TakenShape),
        201: json('Taken', TakenShape),
        ...problems,
      },
    }),
    async c => {
      const { name } = stored(c.req.valid('param').app)
      const { taken, snapshot } = await timeline.take(name)
      return c.json({ taken, snapshot: snapshot ? show(snapshot) : null }, taken ? 201 : 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'patch',
      path: '/v1/apps/{app}/snapshots/{n}',
      summary: 'Pin a snapshot, so that it is never deleted to save space, or unpin it',
      request: {
        params: snapshotParam,
        body: {
          required: true,
          content: { 'application/json': { schema: z.strictObject({ pinned: z.boolean() }) } },
        },
      },
      responses: { 200: json('The snapshot', SnapshotShape), ...problems },
    }),
    c => {
      const { app, n } = c.req.valid('param')
      return c.json(show(timeline.pin(stored(app).name, n, c.req.valid('json').pinned)), 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'delete',
      path: '/v1/apps/{app}/snapshots/{n}',
      summary: 'Delete a snapshot; not the current one, nor one that is pinned',
      request: { params: snapshotParam },
      responses: { 204: { description: 'It is gone' }, ...problems },
    }),
    async c => {
      const { app, n } = c.req.valid('param')
      await timeline.forget(stored(app).name, n)
      return c.body(null, 204)
    },
  )

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/snapshots/{n}/changes',
      summary: 'What a snapshot changed: paths added, changed, deleted',
      request: { params: snapshotParam },
      responses: { 200: json('Changes, by path', ChangesShape), ...problems },
    }),
    async c => {
      const { app, n } = c.req.valid('param')
      return c.json(await timeline.changes(stored(app).name, n), 200)
    },
  )
  return routes
}
