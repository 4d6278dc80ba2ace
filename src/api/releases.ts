import type { HttpBindings } from '@hono/node-server'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { Problem } from '../problem.ts'
import type { Progress } from '../releases/deploy.ts'
import type { Release } from '../store/records.ts'
import { eventStream } from './event-stream.ts'
import { appParam, json, problems, validationHook } from './openapi.ts'
import { toDocument, toProblem } from './problems.ts'
import { renderRelease } from './render.ts'
import type { Services } from './services.ts'
import { ReleaseShape } from './shapes.ts'

const ImageBody = z.object({ image: z.string().min(1).max(500) }).strict()

/** More than this is no JSON `{"image"}` body. */
const maxJsonBytes = 64 * 1024

/** `/v1/apps/:app/releases`: deploy, and the code side of the timeline. */
export function releaseRoutes({
  context,
  apps,
  deployer,
}: Services): OpenAPIHono<{ Bindings: HttpBindings }> {
  const { store, log } = context
  const routes = new OpenAPIHono<{ Bindings: HttpBindings }>({ defaultHook: validationHook })

  routes.openapi(
    createRoute({
      method: 'get',
      path: '/v1/apps/{app}/releases',
      summary: 'Releases, oldest first',
      request: { params: appParam },
      responses: { 200: json('Releases', z.object({ releases: z.array(ReleaseShape) })), ...problems },
    }),
    c => {
      const { name } = apps.get(c.req.valid('param').app)
      const app = store.app(name)
      return c.json({ releases: store.releases(name).map(release => renderRelease(release, app)) }, 200)
    },
  )

  const query = z.object({
    fresh: z
      .enum(['true', 'false', '1', '0', ''])
      .optional()
      .openapi({ description: 'drop what the app wrote itself' }),
    filename: z.string().max(255).optional().openapi({ description: 'name of a single-file upload' }),
  })
  routes.openapi(
    createRoute({
      method: 'post',
      path: '/v1/apps/{app}/releases',
      summary: 'Deploy an upload or an image; creates the app if it is new',
      description:
        'Body: tar, tar.gz or zip of the app’s folder, a single .js/.ts/.mjs/.py file, or JSON {"image": "…"}. With Accept: application/x-ndjson progress is streamed, one JSON object a line, the last one with "release" or "error".',
      request: { params: appParam, query },
      responses: { 201: json('The release', ReleaseShape), ...problems },
    }),
    async c => {
      const { app } = c.req.valid('param')
      const { fresh, filename } = c.req.valid('query')
      const options = {
        fresh: fresh !== undefined && fresh !== 'false' && fresh !== '0',
        filename: filename ?? filenameOf(c.req.header('content-disposition')),
        contentType: c.req.header('content-type'),
      }
      const { incoming, outgoing } = c.env
      const gone = new AbortController()
      outgoing.once('close', () => gone.abort(clientLeft()))
      const deploy = async (progress: Progress): Promise<Release> => {
        if (!isJson(options.contentType))
          return deployer.upload(app, incoming, options, progress, gone.signal)
        const { image } = parseImageBody(await readSmall(incoming))
        return deployer.image(app, image, options, progress, gone.signal)
      }
      if (!wantsStream(c.req.header('accept'))) {
        const release = await deploy({ step: () => undefined, log: () => undefined })
        return c.json(renderRelease(release, store.app(app)), 201)
      }
      return new Response(
        eventStream(async send => {
          try {
            const release = await deploy({
              step: (step, detail) => send({ step, detail }),
              log: line => send({ log: line }),
            })
            send({ release: renderRelease(release, store.app(app)), url: context.url(app) })
          } catch (error) {
            send({ error: toDocument(toProblem(error, log)) })
          }
        }),
        {
          headers: {
            'content-type': 'application/x-ndjson',
            'cache-control': 'no-store',
            'x-accel-buffering': 'no',
          },
        },
      ) as never
    },
  )

  return routes
}

/** Nobody reads it; it ends the deploy, and is no error of ours to be logged. */
function clientLeft(): Problem {
  return new Problem({
    code: 'client_left',
    status: 400,
    detail: 'the client left before the deploy had ended',
  })
}

function wantsStream(accept: string | undefined): boolean {
  return accept?.includes('application/x-ndjson') ?? false
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\b/i.test(contentType ?? '')
}

/** The file name of a `Content-Disposition` header, quoted or not. */
function filenameOf(header: string | undefined): string | undefined {
  const match = /filename="([^"]{1,255})"|filename=([^;\s]{1,255})/i.exec(header ?? '')
  return match?.[1] ?? match?.[2]
}

async function readSmall(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxJsonBytes) {
      throw new Problem({
        code: 'body_too_large',
        status: 413,
        detail: `a JSON body may have ${maxJsonBytes} bytes`,
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseImageBody(text: string): { image: string } {
  try {
    return ImageBody.parse(JSON.parse(text))
  } catch {
    throw new Problem({
      code: 'invalid_request',
      status: 400,
      detail: 'the body is not what a deploy accepts as JSON: {"image": "<reference>"}',
    })
  }
}
