import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { showApp } from './render.ts'
import type { Services } from './services.ts'
import { AppShape, RestoredShape } from './shapes.ts'

const either = { error: 'the body is either {"snapshot": N} or {"release": N}' }
const forked = { error: 'the body is {"name": "<the new app>"}, and "snapshot": N for an older point' }
const number = (accepted: { error: string }) => z.int(accepted).min(1, accepted).optional()

const RollbackBody = z
  .strictObject({ snapshot: number(either), release: number(either) }, either)
  .refine(body => (body.snapshot === undefined) !== (body.release === undefined), either)
  .openapi('Rollback')
const ForkBody = z.strictObject({ name: z.string(forked), snapshot: number(forked) }, forked).openapi('Fork')

/** What picks a point of an app's timeline: going back to it, a new app of it, bringing its images back. */
export function timelineRoutes({ context, apps, timeline }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })

  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/rollback',
      summary: 'Go back to a snapshot, or to a release’s code with today’s state',
      description:
        'The state before is kept as a snapshot of its own, so that a rollback can be undone. Requests wait meanwhile; if the app does not become ready it is what it was.',
      request: {
        params: appParam,
        body: { required: true, content: { 'application/json': { schema: RollbackBody } } },
      },
      responses: { 200: json('The app', AppShape), ...problems },
    }),
    async c => {
      const { name } = apps.get(c.req.valid('param').app)
      const { snapshot, release } = c.req.valid('json')
      // Exactly one is there: see the body's shape.
      await timeline.rollback(name, snapshot === undefined ? { release: release ?? 0 } : { snapshot })
      return c.json(showApp(context, apps, name), 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/fork',
      summary:
        'A new app from a point of this one: its code, its disk, its settings; without `snapshot` from now',
      request: {
        params: appParam,
        body: { required: true, content: { 'application/json': { schema: ForkBody } } },
      },
      responses: { 201: json('The new app', AppShape), ...problems },
    }),
    async c => {
      const { name: from } = apps.get(c.req.valid('param').app)
      const { name, snapshot } = c.req.valid('json')
      await timeline.fork(from, name, snapshot)
      return c.json(showApp(context, apps, name), 201)
    },
  )

  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/restore',
      summary: 'Bring back images that the engine lost, from the copies in the data folder',
      request: { params: appParam },
      responses: { 200: json('What is back, and what cannot be', RestoredShape), ...problems },
    }),
    async c => c.json(await timeline.restore(apps.get(c.req.valid('param').app).name), 200),
  )
  return routes
}
