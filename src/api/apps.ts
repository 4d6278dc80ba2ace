import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { freezeOff, unknownApp } from '../apps/problems.ts'
import { effectiveSettings } from '../apps/settings.ts'
import { Problem } from '../problem.ts'
import { AppSettings } from '../releases/manifest.ts'
import { inWords } from '../releases/wording.ts'
import { mergeAccess, withHashes } from './access.ts'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { renderApp } from './render.ts'
import type { Services } from './services.ts'
import { AppShape, HostMemoryShape } from './shapes.ts'

/** `/v1/apps` and what moves an app's instance. */
export function appRoutes({ context, apps }: Services): OpenAPIHono {
  const { store } = context
  const show = (name: string) => {
    const instance = apps.get(name)
    const app = store.app(name)
    if (!app) throw unknownApp(name)
    return renderApp(context, app, instance)
  }
  const routes = new OpenAPIHono({ defaultHook: validationHook })

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps',
      summary: 'All apps with their states',
      responses: {
        200: json('Apps by name', z.object({ apps: z.array(AppShape), memory: HostMemoryShape })),
        ...problems,
      },
    }),
    c => {
      const { budget, used } = context.keeper
      const rendered = store.apps().map(app => renderApp(context, app, apps.instance(app.name)))
      return c.json({ apps: rendered, memory: { budget, charged: used } }, 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}',
      summary: 'One app',
      request: { params: appParam },
      responses: { 200: json('The app', AppShape), ...problems },
    }),
    c => c.json(show(c.req.valid('param').app), 200),
  )

  routes.openapi(
    createRoute({
      method: 'patch',
      path: '/v1/apps/{app}',
      summary: 'Change settings; limits apply from the next wake. null: back to the default',
      request: {
        params: appParam,
        body: {
          required: true,
          content: { 'application/json': { schema: z.record(z.string(), z.unknown()) } },
        },
      },
      responses: { 200: json('The app', AppShape), ...problems },
    }),
    async c => {
      const name = c.req.valid('param').app
      apps.get(name)
      const { access, ...change } = c.req.valid('json')
      if (access !== undefined) change['access'] = await withHashes(access)
      // Only now, for hashing takes its time.
      const instance = apps.get(name)
      const now = store.app(name)?.settings ?? {}
      store.setSettings(name, merge(now, change))
      instance.settingsChanged()
      return c.json(show(name), 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'delete',
      path: '/v1/apps/{app}',
      summary: 'Delete the app, its releases, snapshots, logs and environment',
      request: { params: appParam },
      responses: { 204: { description: 'It is gone' }, ...problems },
    }),
    async c => {
      const name = c.req.valid('param').app
      apps.get(name)
      await apps.delete(name)
      return c.body(null, 204)
    },
  )

  const moves = {
    wake: (name: string) => apps.get(name).wake(),
    sleep: (name: string) => apps.get(name).sleep('manual'),
    freeze: async (name: string) => {
      const instance = apps.get(name)
      if (instance.isNeverFrozen) throw freezeOff(name)
      if (!instance.frozen) await instance.wake()
      await instance.freeze('manual')
    },
    restart: (name: string) => apps.get(name).restart(),
  }
  for (const [verb, move] of Object.entries(moves)) {
    routes.openapi(
      createRoute({
        method: 'post',
        path: `/v1/apps/{app}/${verb}`,
        summary: `${verb} the app; answers when done`,
        request: { params: appParam },
        responses: { 200: json('The app', AppShape), ...problems },
      }),
      async c => {
        const name = c.req.valid('param').app
        await move(name)
        return c.json(show(name), 200)
      },
    )
  }

  return routes

  /** Settings as stored have sizes in bytes and durations in ms; a null takes one back to its default. */
  function merge(now: AppSettings, change: Record<string, unknown>): AppSettings {
    const { access, ...rest } = change
    const isTakenBack = ([name, value]: [string, unknown]) =>
      value === null && Object.hasOwn(AppSettings.shape, name)
    const wanted = Object.fromEntries(Object.entries(rest).filter(entry => !isTakenBack(entry)))
    if (access != null) wanted['access'] = mergeAccess(now.access, access)
    const parsed = AppSettings.strict().safeParse(wanted, { error: inWords })
    if (!parsed.success) throw badSettings(parsed.error.issues)
    const { memory = 0 } = parsed.data
    const { budget } = context.keeper
    if (memory > budget) {
      const most = `${Math.floor(budget / 1024 ** 2)}m`
      const message = `accepted: 16m to ${most}, the host's budget (DORMICE_MEMORY)`
      throw badSettings([{ path: ['memory'], message }])
    }
    const kept = Object.fromEntries(Object.entries(now).filter(([key]) => !(key in change)))
    const merged = { ...kept, ...parsed.data }
    effectiveSettings(context.config, merged, undefined)
    return merged
  }
}

function badSettings(issues: readonly { path: PropertyKey[]; message: string }[]): Problem {
  const [issue] = issues
  const where = issue?.path.join('.')
  return new Problem({
    code: 'invalid_settings',
    status: 400,
    detail: `${where ? `${where}: ` : ''}${issue?.message ?? 'not valid'}`,
  })
}
