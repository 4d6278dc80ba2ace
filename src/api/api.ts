import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import { dashboard } from '../dashboard/pages.ts'
import { Problem } from '../problem.ts'
import { appRoutes } from './apps.ts'
import { bearerToken } from './auth.ts'
import { domainRoutes } from './domains.ts'
import { envRoutes } from './env.ts'
import { jsonBodyLimit } from './json-body-limit.ts'
import { logRoutes } from './logs.ts'
import { problemHandler } from './problems.ts'
import { releaseRoutes } from './releases.ts'
import type { Services } from './services.ts'
import { snapshotRoutes } from './snapshots.ts'
import { timelineRoutes } from './timeline.ts'
import { tlsRoutes } from './tls.ts'
import { trafficRoutes } from './traffic.ts'
import { transferRoutes } from './transfer.ts'
import { wakeRoutes } from './wakes.ts'

/** The control API: `dormice.<domain>`. Nothing of the API but `/healthz` answers without a token. */
export function createApi(services: Services): RequestListener {
  const { context, version } = services
  const api = new OpenAPIHono()
  api.onError(problemHandler(context.log))
  api.notFound(c => {
    throw new Problem({
      code: 'unknown_path',
      status: 404,
      detail: `there is no ${c.req.method} ${c.req.path.slice(0, 200)}; GET /v1/openapi.json lists what there is`,
    })
  })
  api.get('/healthz', c => c.json({ status: 'ok', version }))
  api.use('/v1/*', bearerToken(context))
  // Uploads stream to a file and have a limit of their own.
  api.on(['PATCH', 'PUT'], '/v1/*', jsonBodyLimit())
  api.on('POST', ['/v1/apps/:app/rollback', '/v1/apps/:app/fork', '/v1/apps/:app/domains'], jsonBodyLimit())
  const resources = [
    appRoutes,
    releaseRoutes,
    snapshotRoutes,
    timelineRoutes,
    transferRoutes,
    envRoutes,
    domainRoutes,
    logRoutes,
    trafficRoutes,
    wakeRoutes,
    tlsRoutes,
  ]
  for (const routes of resources) {
    api.route('/', routes(services) as OpenAPIHono)
  }
  api.route('/', dashboard())
  api.doc31('/v1/openapi.json', { openapi: '3.1.0', info: { title: 'Dormice', version } })
  // What is left of a body that was answered early is the edge's to take in: the adapter would break the connection
  // off after half a second, and a slow upload would be reset before it could read why it was refused.
  return getRequestListener(api.fetch, { overrideGlobalObjects: false, autoCleanupIncoming: false })
}
