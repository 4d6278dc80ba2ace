import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import { appParam, json, problems, validationHook } from './openapi.ts'
import type { Services } from './services.ts'
import { EnvKeyShape } from './shapes.ts'

const maxValueBytes = 64 * 1024

/** What an environment variable of an app may be called; the host's own cannot be set. */
const Key = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'accepted: letters, digits and "_", not starting with a digit')
  .refine(
    key => !['PORT', 'DORMICE_APP', 'DORMICE_URL'].includes(key),
    'PORT, DORMICE_APP and DORMICE_URL are set by Dormice',
  )
const keyParam = appParam.extend({
  key: Key.openapi({ param: { name: 'key', in: 'path' }, example: 'API_KEY' }),
})

// Messages of their own: zod's say back what it did not expect, which may be a value in the place of a name.
const Value = z.strictObject({ value: z.string() }, 'accepted: {"value": "…"}')
const Changes = z.record(
  Key,
  z.string('accepted: text, or null to remove the variable').nullable(),
  'accepted: {"KEY": "value", …}',
)

/** @throws {Problem} 400 `invalid_env_value`, which does not say the value */
function checkValue(key: string, value: string): void {
  if (Buffer.byteLength(value) <= maxValueBytes && !value.includes('\0')) return
  throw new Problem({
    code: 'invalid_env_value',
    status: 400,
    detail: `the value of ${key} cannot be set; accepted: up to ${maxValueBytes} bytes without NUL`,
  })
}

/** Like the API's own {@link validationHook}, which would say back a name that is not accepted. */
function envHook(result: { success: true } | { success: false; error: z.ZodError }): void {
  if (result.success) return
  const wrong = result.error.issues.find(issue => issue.code === 'invalid_key')
  if (wrong) {
    const detail = `a variable’s name is not accepted; ${wrong.issues[0]?.message}`
    throw new Problem({ code: 'invalid_request', status: 400, detail })
  }
  validationHook(result)
}

/** `/v1/apps/:app/env`: environment; values are write-only. */
export function envRoutes({ context: { store, now }, apps }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: envHook })

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/env',
      summary: 'Names of the environment variables; values are write-only',
      request: { params: appParam },
      responses: { 200: json('Names', z.object({ env: z.array(EnvKeyShape) })), ...problems },
    }),
    c => {
      const { name } = apps.get(c.req.valid('param').app)
      const env = store
        .envKeys(name)
        .map(({ key, updatedAt }) => ({ key, updatedAt: new Date(updatedAt).toISOString() }))
      return c.json({ env }, 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'patch',
      path: '/v1/apps/{app}/env',
      summary:
        'Set several variables, and remove those given as null, all or none; applies from the next wake',
      request: {
        params: appParam,
        body: { required: true, content: { 'application/json': { schema: Changes } } },
      },
      responses: { 204: { description: 'Changed' }, ...problems },
    }),
    c => {
      const changes = c.req.valid('json')
      for (const [key, value] of Object.entries(changes)) if (value !== null) checkValue(key, value)
      store.changeEnv(apps.get(c.req.valid('param').app).name, changes, now())
      return c.body(null, 204)
    },
  )

  routes.openapi(
    createRoute({
      method: 'put',
      path: '/v1/apps/{app}/env/{key}',
      summary: 'Set a variable; applies from the next wake',
      request: {
        params: keyParam,
        body: { required: true, content: { 'application/json': { schema: Value } } },
      },
      responses: { 204: { description: 'Set' }, ...problems },
    }),
    c => {
      const { app, key } = c.req.valid('param')
      const { value } = c.req.valid('json')
      checkValue(key, value)
      store.setEnv(apps.get(app).name, key, value, now())
      return c.body(null, 204)
    },
  )

  routes.openapi(
    createRoute({
      method: 'delete',
      path: '/v1/apps/{app}/env/{key}',
      summary: 'Remove a variable; applies from the next wake',
      request: { params: keyParam },
      responses: { 204: { description: 'Removed' }, ...problems },
    }),
    c => {
      const { app, key } = c.req.valid('param')
      if (!store.unsetEnv(apps.get(app).name, key)) {
        throw new Problem({
          code: 'unknown_env_key',
          status: 404,
          // Without the name that was given, which may be a value in the place of a name.
          detail: `${app} has no environment variable of that name; "dormice env ls ${app}" lists them`,
        })
      }
      return c.body(null, 204)
    },
  )
  return routes
}
