import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import type { Step } from '../src/apps/steps.ts'
import { packageRoot } from '../src/paths.ts'
import { messageOf } from '../src/problem.ts'
import { EngineView } from './engine-view.ts'
import type { Order } from './order.ts'

/** How long a host may take to listen, and a request to be answered, ms: more is stuck. */
const patience = 60_000

/** The host ended while a request waited for its answer. */
export class HostDied extends Error {
  override name = 'HostDied'
}

export type Answer = { status: number; body: string; json: any; code: string | undefined }

type Ask = { method?: string; headers?: Record<string, string>; body?: Buffer | string | undefined }

/**
 * A real host as a child process (`child.ts`) on a data folder of its own, which dies when it is ordered to. Disposing
 * of it removes what it left on the engine, by label, and the folder.
 */
export class FaultyHost implements AsyncDisposable {
  readonly data = mkdtempSync(join(tmpdir(), 'dormice-faults-'))
  readonly engine: EngineView
  /** Steps that the present process has reached, in order. */
  steps: Step[] = []
  /** The last lines that hosts logged, the newest process's last. */
  readonly log: string[] = []
  #env: Record<string, string>
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #held = Promise.withResolvers<void>()
  #agent = new Agent({ connections: null, headersTimeout: patience, bodyTimeout: patience })
  #port = 0

  /**
   * @param env `DORMICE_…` variables of the host
   * @param dockerHost the engine, if it is not the machine's
   */
  constructor(env: Record<string, string> = {}, dockerHost?: string) {
    this.#env = { ...env, ...(dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost }) }
    this.engine = new EngineView(this.data, dockerHost)
  }

  /**
   * Starts the host, again if it died. False when it died at the ordered step before it listened.
   * @throws when it ended for any other reason
   */
  async boot(order?: Order): Promise<boolean> {
    this.steps = []
    this.#held = Promise.withResolvers()
    const child = spawn(process.execPath, [join(packageRoot, 'faults/child.ts')], {
      env: {
        ...process.env,
        DORMICE_DATA: this.data,
        DORMICE_LISTEN: '127.0.0.1:0',
        DORMICE_SLEEP_AFTER: '1h',
        DORMICE_COPY_AFTER: '1h',
        ...this.#env,
        ...(order ? { FAULTS_ORDER: JSON.stringify(order) } : {}),
      },
      stdio: ['ignore', 'inherit', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    // Once its pipes are closed everything that it said was read.
    this.#ended = new Promise(resolve => child.once('close', () => resolve()))
    const line = child.stdio[3] as Socket
    line.on('error', () => {})
    createInterface({ input: line }).on('line', text => {
      if (text === 'hold') this.#held.resolve()
      else this.steps.push(text as Step)
    })
    const listening = new Promise<true>(resolve => {
      createInterface({ input: child.stderr as Readable }).on('line', text => {
        this.log.push(text)
        if (this.log.length > 400) this.log.shift()
        const event = text.startsWith('{') ? JSON.parse(text) : {}
        if (event.event !== 'listening') return
        this.#port = event.port
        resolve(true)
      })
    })
    const up = await within(
      patience,
      'the host to listen',
      Promise.race([listening, this.#ended.then(() => false)]),
    )
    if (up) return true
    if (child.signalCode === 'SIGKILL') return false
    throw new Error(`the host ended with ${child.exitCode}:\n${this.log.slice(-20).join('\n')}`)
  }

  /** Gives the running host an order in place of the one before; without one it just runs. */
  async order(order: Order | undefined): Promise<void> {
    const child = this.#child
    const taken = new Promise<void>(resolve => child?.once('message', () => resolve()))
    child?.send({ order: order ?? null })
    await Promise.race([taken, this.#ended])
  }

  /** Resolves when it has ended. */
  get ended(): Promise<void> {
    return this.#ended
  }

  get runs(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves when it stands at the step that it was ordered to hold at. */
  get held(): Promise<void> {
    return this.#held.promise
  }

  /** Lets a held host go on. */
  goOn(): void {
    this.#held = Promise.withResolvers()
    const line = this.#child?.stdio[3] as Socket | undefined
    line?.write('.')
  }

  /** Ends it and waits until it is gone. */
  async kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.runs) this.#child?.kill(signal)
    await this.#ended
  }

  /** A request to an app, as a visitor sends it. @throws {HostDied} */
  async visit(app: string, { method = 'GET', headers = {}, body }: Ask = {}, path = '/'): Promise<Answer> {
    const { status, bytes, type } = await this.#ask(app, path, { method, headers, body })
    const text = bytes.toString('latin1')
    const json = type?.includes('json') ? JSON.parse(bytes.toString()) : undefined
    return { status, body: text, json, code: json?.code }
  }

  /** A call of the control API with the admin's token. @throws {HostDied} */
  api(method: string, path: string, body?: unknown): Promise<Answer> {
    const raw = body === undefined || Buffer.isBuffer(body)
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(raw ? {} : { 'content-type': 'application/json' }),
    }
    return this.visit('dormice', { method, headers, body: raw ? body : JSON.stringify(body) }, path)
  }

  /** The bytes that a call of the control API answers with. @throws {HostDied}, or when it is not a 200 */
  async download(path: string): Promise<Buffer> {
    const headers = { authorization: `Bearer ${this.#token}` }
    const { status, bytes } = await this.#ask('dormice', path, { method: 'GET', headers, body: undefined })
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${bytes}`)
    return bytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL')
    await this.#agent.destroy()
    await this.engine.removeAll()
    await rm(this.data, { recursive: true, force: true })
  }

  get #token(): string {
    return readFileSync(join(this.data, 'admin-token'), 'utf8').trim()
  }

  async #ask(name: string, path: string, { method, headers, body }: Required<Ask> | Ask) {
    try {
      const response = await request(`http://127.0.0.1:${this.#port}${path}`, {
        method: method as 'GET',
        headers: { ...headers, host: `${name}.localhost` },
        body: body ?? null,
        dispatcher: this.#agent,
      })
      const type = response.headers['content-type'] as string | undefined
      return { status: response.statusCode, bytes: Buffer.from(await response.body.arrayBuffer()), type }
    } catch (error) {
      // The connection breaks a moment before the process is known to be gone.
      await Promise.race([this.#ended, new Promise(resolve => setTimeout(resolve, 1_000))])
      const text = `${method} ${path} of ${name}: ${messageOf(error)}`
      throw this.runs
        ? new Error(`${text}; the last steps were ${this.steps.slice(-5).join(', ')}`)
        : new HostDied(text, { cause: error })
    }
  }
}

/** @throws when the promise takes longer */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms / 1000} s for ${what}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
