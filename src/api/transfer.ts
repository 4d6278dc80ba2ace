import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { messageOf, Problem } from '../problem.ts'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { showApp } from './render.ts'
import type { Services } from './services.ts'
import { AppShape } from './shapes.ts'

const tar = { 'application/x-tar': { schema: z.string().openapi({ format: 'binary' }) } }

/** `/v1/apps/:app/export` and `/import`: an app as one tar, to keep elsewhere or to move to another host. */
export function transferRoutes({
  context,
  apps,
  timeline,
}: Services): OpenAPIHono<{ Bindings: HttpBindings }> {
  const { log } = context
  const routes = new OpenAPIHono<{ Bindings: HttpBindings }>({ defaultHook: validationHook })

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/export',
      summary:
        'The app as one tar, for `import`: settings, release, current state; no values of the environment',
      description: 'A connection that ends early is an export that failed on its way.',
      request: { params: appParam },
      responses: { 200: { description: 'The tar', content: tar }, ...problems },
    }),
    async c => {
      const { name } = apps.get(c.req.valid('param').app)
      const { outgoing } = c.env
      const headers = {
        'content-type': 'application/x-tar',
        'content-disposition': `attachment; filename="${name}.tar"`,
        'cache-control': 'no-store',
      }
      if (c.req.method === 'HEAD') return new Response(null, { headers }) as never
      const exported = await timeline.export(name)
      await begun(exported)
      if (outgoing.destroyed) {
        exported.destroy()
        return RESPONSE_ALREADY_SENT as never
      }
      outgoing.writeHead(200, headers)
      sendAll(exported, outgoing).catch(error =>
        log.warn('export_broken_off', { app: name, error: messageOf(error) }),
      )
      return RESPONSE_ALREADY_SENT as never
    },
  )

  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/import',
      summary: 'Make an app of what `export` gave; the name must be free',
      request: { params: appParam, body: { required: true, content: tar } },
      responses: { 201: json('The new app', AppShape), ...problems },
    }),
    async c => {
      const { app } = c.req.valid('param')
      const { incoming, outgoing } = c.env
      const gone = new AbortController()
      outgoing.once('close', () => gone.abort(clientLeft()))
      await timeline.import(app, incoming, gone.signal)
      return c.json(showApp(context, apps, app), 201)
    },
  )
  return routes
}

/** Resolves once the stream has something to give, or its end; rejects with what went wrong before. */
async function begun(stream: Readable): Promise<void> {
  // Whoever reads is told; between here and there an error would end the process.
  stream.on('error', () => {})
  if (stream.errored) throw stream.errored
  if (stream.readableLength === 0 && !stream.readableEnded) await once(stream, 'readable')
}

/** Sends all of it; what fails on the way cuts the connection, so that nobody takes a part for the whole. */
async function sendAll(stream: Readable, outgoing: ServerResponse): Promise<void> {
  try {
    await pipeline(stream, outgoing)
  } catch (error) {
    // The reader has left: no concern of the host's log.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  } finally {
    stream.destroy()
  }
}

/** Nobody reads it; it ends the import, and is no error of ours to be logged. */
function clientLeft(): Problem {
  return new Problem({
    code: 'client_left',
    status: 400,
    detail: 'the client left before the import had ended',
  })
}
