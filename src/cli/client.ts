import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { Problem } from '../problem.ts'
import { type Body, exchange } from './exchange.ts'
import { HostProblem } from './host-problem.ts'
import { readLines } from './lines.ts'
import { readTarget, type Target } from './target.ts'
import { cutOff, otherName, rejected, strange } from './unreachable.ts'

/** One call of the control API. */
export type Call = {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Undefined values are left out. */
  query?: Record<string, string | undefined>
  /** Sent as JSON. */
  json?: unknown
  /** Sent as it is. */
  upload?: { source: Readable; type: string; onSent?: (bytes: number) => void }
  /** Gives up; its reason is thrown. */
  signal?: AbortSignal | undefined
  /** How long until the answer begins, ms; undefined for calls that take as long as the app takes. */
  patience?: number | undefined
}

/** How long a call that only reads or writes the database may take, ms. */
const QUICK = 60_000

/** The control API of one host. Every failure is a {@link Problem} of one sentence. */
export class Client {
  readonly target: Target

  constructor(target: Target = readTarget()) {
    this.target = target
  }

  /** The JSON that `path` answers with. The caller knows its shape from `api/shapes.ts`. */
  get<T>(path: string, { query, patience = QUICK }: Call = {}): Promise<T> {
    return this.call(path, { query: query ?? {}, patience })
  }

  /** One call, its answer read as JSON; undefined for an empty one. */
  async call<T>(path: string, call: Call): Promise<T> {
    const { text, response } = await this.#whole(path, call)
    if (text === '') return undefined as T
    try {
      return JSON.parse(text)
    } catch {
      throw strange(this.target, response)
    }
  }

  /** One call whose answer is JSON lines, each given as soon as it is there. */
  async *lines<T>(path: string, call: Call = {}): AsyncGenerator<T> {
    const response = await this.#send(path, call, 'application/x-ndjson')
    if (!/^application\/x-ndjson\b/.test(response.headers['content-type'] ?? '')) {
      response.destroy()
      throw strange(this.target, response)
    }
    try {
      for await (const line of readLines(response)) {
        call.signal?.throwIfAborted()
        yield JSON.parse(line)
      }
    } catch (error) {
      call.signal?.throwIfAborted()
      // What is sent could not be read.
      if (error instanceof Problem) throw error
      throw cutOff(this.target, error)
    }
  }

  /** One call whose answer is bytes, given as they come; an answer that is cut off throws. */
  async download(path: string, call: Call = {}): Promise<AsyncGenerator<Buffer>> {
    const response = await this.#send(path, call, 'application/x-tar, application/problem+json')
    if (!/^application\/x-tar\b/.test(response.headers['content-type'] ?? '')) {
      response.destroy()
      throw strange(this.target, response)
    }
    return this.#bytes(response, call.signal)
  }

  async *#bytes(response: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    try {
      yield* response
    } catch (error) {
      signal?.throwIfAborted()
      throw cutOff(this.target, error)
    }
  }

  async #whole(path: string, call: Call): Promise<{ text: string; response: IncomingMessage }> {
    const response = await this.#send(path, call, 'application/json')
    let text = ''
    try {
      for await (const part of response.setEncoding('utf8')) text += part
    } catch (error) {
      throw cutOff(this.target, error)
    }
    return { text, response }
  }

  async #send(path: string, call: Call, accept: string): Promise<IncomingMessage> {
    const { token, url } = this.target
    const to = new URL(url.pathname.replace(/\/$/, '') + path, url)
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) to.searchParams.set(key, value)
    }
    const headers: Record<string, string> = { accept }
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    const response = await exchange(this.target, {
      method: call.method ?? 'GET',
      url: to,
      headers,
      body: bodyOf(call),
      signal: call.signal,
      patience: call.patience,
    })
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return response
    const problem = await readProblem(response, this.target)
    response.destroy()
    throw problem
  }
}

function bodyOf({ json, upload }: Call): Body | undefined {
  if (upload) return upload
  return json === undefined ? undefined : { text: JSON.stringify(json), type: 'application/json' }
}

/** No problem document is this long; what sends more is no Dormice host. */
const MAX_PROBLEM = 1024 * 1024

async function readProblem(response: IncomingMessage, target: Target): Promise<Problem> {
  if (response.headers.location !== undefined) return strange(target, response)
  // The edge's, and written for visitors.
  if (response.headers['x-dormice-error'] === 'unknown_host') return otherName(target)
  if (!/^application\/problem\+json\b/.test(response.headers['content-type'] ?? ''))
    return strange(target, response)
  let text = ''
  for await (const part of response.setEncoding('utf8')) {
    text += part
    if (text.length > MAX_PROBLEM) return strange(target, response)
  }
  try {
    return response.statusCode === 401 ? rejected(target) : new HostProblem(JSON.parse(text))
  } catch {
    return strange(target, response)
  }
}

/** The API's path of an app. */
export function appPath(app: string, ...rest: string[]): string {
  return ['/v1/apps', app, ...rest].map((part, at) => (at === 0 ? part : encodeURIComponent(part))).join('/')
}
