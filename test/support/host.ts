import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import Database from 'better-sqlite3'
import Docker from 'dockerode'
import { Agent, request } from 'undici'
import { packFolder } from '../../src/cli/pack.ts'
import { packageRoot } from '../../src/paths.ts'
import { hostEnvironment, hostFlags } from '../../src/setup/host-process.mjs'
import { removeAllOf } from './cleanup.ts'
import type { PrivateEngine } from './private-engine.ts'

const docker = new Docker()

export type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: string }

type Body = string | Buffer | Readable | undefined
type Options = { method?: string; headers?: Record<string, string>; body?: Body; signal?: AbortSignal }

/** Where a host runs, if that is not a new folder and the machine's engine, and how it ends. */
type Surroundings = {
  data?: string
  engine?: PrivateEngine
  /** Apps go on running when it is told to stop. */
  leaveRunning?: boolean
}

/**
 * A real host as a child process on a data folder of its own and a free port, and what a test does with it.
 * Disposing of it removes everything it left on the engine, by label.
 */
export class TestHost implements AsyncDisposable {
  readonly data: string
  readonly #docker: Docker
  #env: Record<string, string>
  readonly #options: string[]
  /** No limit of connections: a storm is a storm. */
  readonly #agent = new Agent({ connections: null, headersTimeout: 120_000, bodyTimeout: 120_000 })
  #child: ChildProcess | undefined
  port = 0
  readonly #said = new EventEmitter<{ event: [name: string] }>()
  /** Everything the host logged, parsed. */
  readonly log: Record<string, unknown>[] = []
  /** Every line it wrote to standard error, as it is. */
  readonly stderr: string[] = []

  private constructor(env: Record<string, string>, { data, engine, leaveRunning }: Surroundings) {
    this.data = data ?? mkdtempSync(join(tmpdir(), 'dormice-test-'))
    this.#docker = engine?.docker ?? docker
    this.#options = leaveRunning ? ['--leave-running'] : []
    this.#env = engine ? { DOCKER_HOST: engine.address, ...env } : env
  }

  /** Starts a host; `env` are its `DORMICE_…` variables. */
  static async start(env: Record<string, string> = {}, surroundings: Surroundings = {}): Promise<TestHost> {
    const host = new TestHost(env, surroundings)
    await host.boot()
    return host
  }

  /** Starts the process, again if it was killed; resolves when it listens. @param env other variables from now on */
  async boot(env: Record<string, string> = {}): Promise<void> {
    this.#env = { ...this.#env, ...env }
    const main = join(packageRoot, 'src/cli/main.ts')
    const child = spawn(process.execPath, [...hostFlags, main, 'serve', ...this.#options], {
      env: {
        ...hostEnvironment,
        ...process.env,
        DORMICE_COPY_AFTER: '1h',
        DORMICE_DATA: this.data,
        DORMICE_LISTEN: '127.0.0.1:0',
        ...this.#env,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    const listening = Promise.withResolvers<number>()
    const said: string[] = []
    createInterface({ input: child.stderr as Readable }).on('line', line => {
      said.push(line)
      this.stderr.push(line)
      if (!line.startsWith('{')) return
      const event = JSON.parse(line)
      this.log.push(event)
      this.#said.emit('event', event.event)
      if (event.event === 'listening') listening.resolve(event.port)
    })
    child.once('exit', code =>
      listening.reject(new Error(`the host ended with ${code}:\n${said.join('\n')}`)),
    )
    this.port = await listening.promise
  }

  /** Ends the process and waits until it is gone; its exit code, null when a signal ended it. */
  async kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const exit = once(child, 'exit')
    child.kill(signal)
    const [code] = await exit
    return code
  }

  /** From here on nobody reads what the process writes. */
  stopReading(): void {
    this.#child?.stderr?.destroy()
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get token(): string {
    return readFileSync(join(this.data, 'admin-token'), 'utf8').trim()
  }

  /** Id that labels what this host owns on the engine. */
  get id(): string {
    const database = new Database(join(this.data, 'dormice.db'), { readonly: true })
    try {
      return (database.prepare("select value from meta where key = 'host'").get() as { value: string }).value
    } finally {
      database.close()
    }
  }

  /** A request to an app, as a visitor sends it. */
  async visit(app: string, path = '/', options: Options = {}): Promise<Answer> {
    const response = await this.open(app, path, options)
    return { ...response, body: await response.body.text() }
  }

  /** Like {@link visit}, with the body unread. */
  async open(app: string, path = '/', { method = 'GET', headers = {}, body, signal }: Options = {}) {
    const response = await request(`http://127.0.0.1:${this.port}${path}`, {
      method: method as 'GET',
      headers: { ...headers, host: `${app}.localhost` },
      body: body ?? null,
      signal: signal ?? null,
      dispatcher: this.#agent,
    })
    return { status: response.statusCode, headers: response.headers, body: response.body }
  }

  /** A call of the control API, with the admin's token. */
  async api(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer & { json: any }> {
    const raw =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable
    const answer = await this.visit('dormice', path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(raw ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: raw ? (body as Body) : JSON.stringify(body),
    })
    return {
      ...answer,
      json:
        answer.headers['content-type']?.includes('json') && !answer.headers['content-type'].includes('ndjson')
          ? JSON.parse(answer.body)
          : undefined,
    }
  }

  /** Events of a call of the control API that answers with one JSON object a line, as they come. */
  async *lines(method: string, path: string, body?: Buffer): AsyncGenerator<any> {
    const headers = { authorization: `Bearer ${this.token}`, accept: 'application/x-ndjson' }
    const answer = await this.open('dormice', path, { method, headers, body })
    for await (const line of createInterface({ input: answer.body })) yield JSON.parse(line)
  }

  /** Deploys a folder of the project, e.g. `examples/hello`, and expects it to succeed. */
  async deploy(app: string, folder: string, { fresh = false } = {}): Promise<void> {
    const answer = await this.post(app, folder, { fresh })
    if (answer.status !== 201) throw new Error(`deploy of ${folder}: ${answer.body}`)
  }

  /** Deploys a folder of the project and gives back whatever the host answers. */
  post(app: string, folder: string, { fresh = false } = {}): Promise<Answer & { json: any }> {
    const packed = packFolder(join(packageRoot, folder))
    return this.api('POST', `/v1/apps/${app}/releases${fresh ? '?fresh=true' : ''}`, packed)
  }

  /** Deploys one file given as text and expects it to succeed. */
  async deployText(app: string, filename: string, text: string): Promise<void> {
    const answer = await this.api('POST', `/v1/apps/${app}/releases?filename=${filename}`, Buffer.from(text))
    if (answer.status !== 201) throw new Error(`deploy of ${filename}: ${answer.body}`)
  }

  /** Puts an app to sleep and expects it to succeed. */
  async sleep(app: string): Promise<void> {
    const answer = await this.api('POST', `/v1/apps/${app}/sleep`)
    if (answer.status !== 200) throw new Error(`sleep of ${app}: ${answer.body}`)
  }

  /** Resolves once the host has logged an event of that name, of that app if one is given. */
  async logged(name: string, of?: string): Promise<void> {
    const isIt = ({ event, app }: Record<string, unknown>) => event === name && (of ?? app) === app
    while (!this.log.some(isIt)) await once(this.#said, 'event')
  }

  async state(app: string): Promise<string> {
    return (await this.api('GET', `/v1/apps/${app}`)).json.state
  }

  /** Resolves once the app is in the state; looks every 20 ms for at most 30 s. */
  async until(app: string, state: string): Promise<void> {
    const deadline = Date.now() + 30_000
    let now = await this.state(app)
    while (now !== state) {
      if (Date.now() > deadline) throw new Error(`${app} is ${now}, not ${state}`)
      await new Promise(resolve => setTimeout(resolve, 20))
      now = await this.state(app)
    }
  }

  /** This host's containers on the engine, in any state, that run apps or build them. */
  async containers(): Promise<Docker.ContainerInfo[]> {
    return (await this.#owned()).filter(({ Labels }) => Labels['dormice.role'] !== 'sandbox')
  }

  /** What holds this host's sandboxes, in any state. */
  async sandboxes(): Promise<Docker.ContainerInfo[]> {
    return (await this.#owned()).filter(({ Labels }) => Labels['dormice.role'] === 'sandbox')
  }

  #owned(): Promise<Docker.ContainerInfo[]> {
    return this.#docker.listContainers({ all: true, filters: { label: [`dormice.host=${this.id}`] } })
  }

  /** This host's images on the engine. */
  async images(): Promise<Docker.ImageInfo[]> {
    return this.#docker.listImages({ filters: { label: [`dormice.host=${this.id}`] } })
  }

  /** Removes an image behind the host's back. */
  async removeImage(reference: string): Promise<void> {
    await this.#docker.getImage(reference).remove({ force: true })
  }

  inspectImage(reference: string): Promise<Docker.ImageInspectInfo> {
    return this.#docker.getImage(reference).inspect()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL')
    await this.#agent.destroy()
    // A private engine goes with all that is on it.
    if (this.#docker === docker) await removeAllOf(this.id)
    await rm(this.data, { recursive: true, force: true })
  }
}
