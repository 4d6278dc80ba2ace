import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { renderDomain } from './render-domain.ts'
import type { Services } from './services.ts'
import { DomainShape } from './shapes.ts'

const domainParam = appParam.extend({
  domain: z.string().openapi({ param: { name: 'domain', in: 'path' }, example: 'shop.example.com' }),
})

const New = z.strictObject({ domain: z.string() }, 'accepted: {"domain": "shop.example.com"}')

/** `/v1/domains` and `/v1/apps/:app/domains`: custom domains. */
export function domainRoutes({ context: { origin }, apps, domains }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  const list = z.object({ domains: z.array(DomainShape) })
  const all = (app?: string) => ({ domains: domains.list(app).map(status => renderDomain(status, origin)) })

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/domains',
      summary: 'The custom domains of all apps',
      responses: { 200: json('Domains by name', list), ...problems },
    }),
    c => c.json(all(), 200),
  )

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/domains',
      summary: 'The app’s custom domains',
      request: { params: appParam },
      responses: { 200: json('Domains by name', list), ...problems },
    }),
    c => c.json(all(apps.get(c.req.valid('param').app).name), 200),
  )

  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/domains',
      summary:
        'Add a custom domain, and look whether it is shown to be the app’s; answers when looked, after 15 s at most',
      request: {
        params: appParam,
        body: { required: true, content: { 'application/json': { schema: New } } },
      },
      responses: {
        200: json('The app has it already; it was looked at again', DomainShape),
        201: json('Added', DomainShape),
        ...problems,
      },
    }),
    async c => {
      const { isNew, status } = await domains.add(c.req.valid('param').app, c.req.valid('json').domain)
      return c.json(renderDomain(status, origin), isNew ? 201 : 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/domains/{domain}',
      summary: 'A custom domain, as it was found when it was last looked at',
      request: { params: domainParam },
      responses: { 200: json('The domain', DomainShape), ...problems },
    }),
    c => {
      const { app, domain } = c.req.valid('param')
      return c.json(renderDomain(domains.get(app, domain), origin), 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/domains/{domain}/check',
      summary: 'Look now whether a custom domain is shown to be the app’s',
      request: { params: domainParam },
      responses: { 200: json('The domain', DomainShape), ...problems },
    }),
    async c => {
      const { app, domain } = c.req.valid('param')
      return c.json(renderDomain(await domains.check(app, domain), origin), 200)
    },
  )

  routes.openapi(
    createRoute({
      method: 'delete',
      path: '/v1/apps/{app}/domains/{domain}',
      summary: 'Remove a custom domain; it is not served from here on',
      request: { params: domainParam },
      responses: { 204: { description: 'Removed' }, ...problems },
    }),
    c => {
      const { app, domain } = c.req.valid('param')
      domains.remove(app, domain)
      return c.body(null, 204)
    },
  )
  return routes
}
