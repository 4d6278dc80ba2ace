import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import { NameServer } from '../../test/support/name-server.ts'
import { createApi } from '../api/api.ts'
import type { Services } from '../api/services.ts'
import { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { fakeContext } from '../apps/fake-context.ts'
import { createEdge } from '../edge/edge.ts'
import { HandApp, httpApp } from '../edge/fixture.ts'
import { FakeImages } from '../snapshots/fake-images.ts'
import { Domains } from './domains.ts'

export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  text: string
  json: Record<string, unknown>
}

/**
 * A host for tests without an engine: the store, the API, the edge with its apps `notes` and `shop`, which
 * answer with their name and the Host they got, and custom domains that are looked up at a name server and at
 * the edge's port. Names below `apps.test` point at 127.0.0.1, where the edge is.
 */
export class DomainStage {
  readonly names: NameServer
  readonly context: Context
  readonly apps: Apps
  readonly domains: Domains
  /** Port of the edge. */
  readonly port: number
  /** Epoch ms. */
  clock = 1_700_000_000_000
  readonly #stop: () => Promise<void>

  private constructor(
    parts: Pick<DomainStage, 'names' | 'context' | 'apps' | 'domains' | 'port'>,
    stop: () => Promise<void>,
  ) {
    this.names = parts.names
    this.context = parts.context
    this.apps = parts.apps
    this.domains = parts.domains
    this.port = parts.port
    this.#stop = stop
  }

  /** @param data folder of an earlier one, to be that host after a restart */
  static async start(t: TestContext, data = newFolder('domains')): Promise<DomainStage> {
    const own = { A: ['127.0.0.1'] }
    const names = await NameServer.start({ 'notes.apps.test': own, 'shop.apps.test': own })
    const now = () => stage.clock
    const env = { DORMICE_DOMAIN: 'apps.test' }
    const context = fakeContext({ data, engine: new FakeImages().engine(), now, env })
    const hands = new Map<string, HandApp>()
    for (const name of ['notes', 'shop']) {
      context.store.createApp(name, 1)
      hands.set(
        name,
        new HandApp(await httpApp(t, (req, res) => res.end(`${name} ${req.headers.host} ${req.url}`))),
      )
    }
    context.store.setToken('admin', 't', 1)
    const apps = new Apps(context)
    let answer: RequestListener = () => undefined
    const edge = createEdge({
      resolve: name => (apps.find(name) ? hands.get(name) : undefined),
      control: (req, res) => answer(req, res),
      domain: 'apps.test',
      custom: name => stage.domains.find(name),
      log: context.log,
    })
    const { port } = await edge.listen({ host: '127.0.0.1', port: 0 })
    const domains = new Domains(context, apps, { dns: names.resolver(), port })
    answer = createApi({ context, apps, domains, version: '1' } as Services)
    const stage = new DomainStage({ names, context, apps, domains, port }, async () => {
      await edge.close({ drain: 0 })
      domains[Symbol.dispose]()
      context.store[Symbol.dispose]()
      await names[Symbol.asyncDispose]()
    })
    t.after(() => stage.stop())
    return stage
  }

  #stopped: Promise<void> | undefined
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** The same host, started again on its folder; the name server is a new, empty one. */
  async restart(t: TestContext): Promise<DomainStage> {
    await this.stop()
    return DomainStage.start(t, this.context.config.data)
  }

  /** A request as a visitor of that host sends it. */
  visit(
    host: string,
    path = '/',
    method = 'GET',
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Answer> {
    return ask(this.port, { method, path, headers: { host, accept: 'application/json', ...headers } }, body)
  }

  /** A call of the API. */
  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = {
      authorization: 'Bearer t',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    return this.visit(
      'dormice.apps.test',
      path,
      method,
      headers,
      body === undefined ? '' : JSON.stringify(body),
    )
  }

  /** Adds a domain by the API. */
  add(app: string, domain: string): Promise<Answer> {
    return this.call('POST', `/v1/apps/${app}/domains`, { domain })
  }

  /** What shows an app's claim, once the domain was added. */
  challenge(app: string, domain: string) {
    return this.domains.get(app, domain).challenge
  }

  /** Another server on the edge's port, at another address of this machine; the host's own names have both. */
  async elsewhere(t: TestContext, listener: RequestListener): Promise<string> {
    const address = '127.0.0.2'
    const server = createServer(listener).listen(this.port, address)
    await once(server, 'listening')
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    for (const app of ['notes', 'shop'])
      this.names.zone.set(`${app}.apps.test`, { A: ['127.0.0.1', address] })
    return address
  }
}

async function ask(
  port: number,
  options: { method: string; path: string; headers: Record<string, string> },
  body = '',
): Promise<Answer> {
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const sent = request({
    port,
    host: '127.0.0.1',
    agent: false,
    ...options,
    headers: { ...options.headers, ...length },
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  const text = (await buffer(response)).toString()
  const isJson = /json/.test(response.headers['content-type'] ?? '')
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : {},
  }
}
