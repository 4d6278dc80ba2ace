import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { json, problems, validationHook } from './openapi.ts'
import type { Services } from './services.ts'
import { TlsShape } from './shapes.ts'

/** `/v1/tls`: the host's certificates. */
export function tlsRoutes({ tls }: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/tls',
      summary: 'The host’s certificates, and what goes wrong with them',
      responses: { 200: json('How things stand', TlsShape), ...problems },
    }),
    c => c.json(render(tls), 200),
  )
  return routes
}

function render(tls: Services['tls']): TlsShape {
  if (!tls) return { mode: 'off', certificates: [], failures: [] }
  const { certificates, failures } = tls.status()
  return {
    mode: tls.mode,
    certificates: certificates.map(({ names, notAfter }) => ({ names: [...names], notAfter: iso(notAfter) })),
    failures: failures.map(({ subject, detail, since, retryAt, notAfter }) => ({
      subject,
      detail,
      since: iso(since),
      retryAt: iso(retryAt),
      notAfter: notAfter === undefined ? null : iso(notAfter),
    })),
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
