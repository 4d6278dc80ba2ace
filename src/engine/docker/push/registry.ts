import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { LayerSink } from '../../engine.ts'
import type { SentBlobs } from './sent-blobs.ts'
import { Refused, Session } from './session.ts'

const maxManifestBytes = 4 * 1024 * 1024

/**
 * A container registry on the loopback interface that can only be pushed to: the one way to have an engine hand out
 * single layers. It holds nothing itself, listens from the first push on, and answers only to the credentials of a
 * push that runs, which nobody but the engine knows.
 *
 * Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export class Registry implements AsyncDisposable {
  readonly #repository: string
  readonly #sent: SentBlobs
  readonly #sessions = new Map<string, Session>()
  #listening: Promise<Server> | undefined
  #closed = false

  /** @param repository the only one there is */
  constructor(repository: string, sent: SentBlobs) {
    this.#repository = repository
    this.#sent = sent
  }

  /** Where the engine pushes to, `127.0.0.1:<port>/<repository>`; listens from then on. */
  async address(): Promise<string> {
    if (this.#closed) throw new Error('the registry is closed')
    this.#listening ??= this.#listen()
    const server = await this.#listening.catch(error => {
      this.#listening = undefined
      throw error
    })
    return `127.0.0.1:${(server.address() as AddressInfo).port}/${this.#repository}`
  }

  /** Lets one push into a sink. Ends it with {@link end}. */
  begin(sink: LayerSink, maxBytes: number): Session {
    const session = new Session(sink, this.#sent, maxBytes)
    this.#sessions.set(session.username, session)
    return session
  }

  end(session: Session): void {
    this.#sessions.delete(session.username)
    session.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const session of this.#sessions.values()) this.end(session)
    const server = await this.#listening?.catch(() => undefined)
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  /** On the port of last time if it is free: the engine remembers what it sent by address. */
  async #listen(): Promise<Server> {
    const server = createServer(
      {
        headersTimeout: 10_000,
        requestTimeout: 0,
        connectionsCheckingInterval: 5_000,
        maxHeaderSize: 16_384,
      },
      (request, response) => void this.#serve(request, response),
    )
    server.maxConnections = 128
    // Engines try TLS first.
    server.on('clientError', (_, socket) => socket.destroy())
    const on = async (port: number) => {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    }
    await on(this.#sent.port ?? 0).catch(() => on(0))
    // Of a connection that cannot be accepted, for want of files: the engine tries again.
    server.on('error', () => undefined)
    server.unref()
    this.#sent.setPort((server.address() as AddressInfo).port)
    return server
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0')
    try {
      const session = this.#authorized(request)
      session.contacted = true
      await this.#answer(session, request, response)
    } catch (error) {
      const status = error instanceof Refused ? error.status : 400
      if (status === 401) response.setHeader('WWW-Authenticate', 'Basic realm="dormice"')
      refuse(request, response, status, error)
    }
  }

  #authorized(request: IncomingMessage): Session {
    const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ')
    const plain = Buffer.from(credentials, 'base64').toString()
    const colon = plain.indexOf(':')
    const session = this.#sessions.get(plain.slice(0, Math.max(colon, 0)))
    if (scheme?.toLowerCase() !== 'basic' || !session?.proves(plain.slice(colon + 1))) {
      throw new Refused(401, 'not a push that runs')
    }
    return session
  }

  async #answer(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (request.method === 'GET' && pathname === '/v2/') return void response.end('{}')
    const root = `/v2/${this.#repository}/`
    if (!pathname.startsWith(root)) throw new Refused(404, 'no such repository')
    const path = pathname.slice(root.length)
    const upload = /^blobs\/uploads\/([0-9a-f]+)$/.exec(path)?.[1]
    const digest = /^blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1]
    const call = `${request.method} ${upload ? 'upload' : digest ? 'blob' : path.replace(/[^/]*$/, '')}`
    switch (call) {
      case 'HEAD blob': {
        const size = session.size(digest ?? '')
        if (size === undefined) throw new Refused(404, 'not here')
        response.setHeader('Docker-Content-Digest', digest ?? '')
        response.setHeader('Content-Length', size)
        return void response.end()
      }
      case 'POST blobs/uploads/':
        request.resume()
        response.setHeader('Location', `${root}blobs/uploads/${session.begin()}`)
        response.setHeader('Range', '0-0')
        return void response.writeHead(202).end()
      case 'PATCH upload': {
        const part = session.upload(upload ?? '')
        await part.receive(request).finally(() => {
          if (request.destroyed && !request.complete) session.brokenOff = true
        })
        response.setHeader('Location', pathname)
        response.setHeader('Range', `0-${Math.max(part.size - 1, 0)}`)
        return void response.writeHead(202).end()
      }
      case 'PUT upload': {
        await session.upload(upload ?? '').receive(request)
        const blob = await session.finish(upload ?? '', searchParams.get('digest') ?? '')
        response.setHeader('Location', `${root}blobs/${blob.digest}`)
        response.setHeader('Docker-Content-Digest', blob.digest)
        return void response.writeHead(201).end()
      }
      case 'HEAD manifests/':
        throw new Refused(404, 'not here')
      case 'PUT manifests/': {
        if (!(Number(request.headers['content-length']) <= maxManifestBytes))
          throw new Refused(413, 'too long')
        const manifest = await text(request)
        session.manifest(manifest)
        const name = `sha256:${createHash('sha256').update(manifest).digest('hex')}`
        response.setHeader('Location', `${root}manifests/${name}`)
        response.setHeader('Docker-Content-Digest', name)
        return void response.writeHead(201).end()
      }
      default:
        throw new Refused(405, 'this registry can only be pushed to')
    }
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  // What is still to come is not waited for.
  if (!request.complete) response.setHeader('Connection', 'close')
  const message = error instanceof Error ? error.message : String(error)
  const code = status === 401 ? 'UNAUTHORIZED' : 'DENIED'
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(request.method === 'HEAD' ? undefined : JSON.stringify({ errors: [{ code, message }] }))
}
