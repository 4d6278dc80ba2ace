import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { json, problems, validationHook } from './openapi.ts'
import type { Certificates, Services } from './services.ts'
import { TlsShape } from './shapes.ts'

/** `/v1/tls`: the host's certificates. */
export function tlsRoutes(services: Services): OpenAPIHono {
  const routes = new OpenAPIHono({ defaultHook: validationHook })
  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/tls',
      summary: 'The host’s certificates, and what goes wrong with them',
      responses: { 200: json('How things stand', TlsShape), ...problems },
    }),
    c => c.json(render(services), 200),
  )
  return routes
}

function render({ tls, ...hosts }: Services): TlsShape {
  if (!tls) return { mode: 'off', certificates: [], failures: [], unnamed: [] }
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
    // Where they are obtained, the first visit obtains it.
    unnamed: tls.mode === 'files' ? unnamed(tls, hosts) : [],
  }
}

/** The hosts without a certificate: that of the host itself, its apps as a whole, verified custom domains. */
function unnamed(
  tls: Certificates,
  { context: { config }, apps, domains }: Pick<Services, 'context' | 'apps' | 'domains'>,
): string[] {
  const isBare = (host: string) => !tls.offers(host)
  const all = `*.${config.domain}`
  const each = [...apps.all()].map(({ name }) => `${name}.${config.domain}`)
  const areNamed = each.length > 0 && !each.some(isBare)
  return [`dormice.${config.domain}`, ...(areNamed ? [] : [all]), ...domains.verified()].filter(isBare)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
