import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { AppShape } from '../api/shapes.ts'

/* For tests of the CLI: a control API of a few lines, and the CLI as a child process. */

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** What the fake host was asked, in order: `GET /v1/apps`. */
export type FakeHost = AsyncDisposable & { url: string; port: number; asked: string[]; bodies: string[] }

/** A control API on a free port; a path that no route has is answered as the real one does. Token: `t0ken`. */
export async function fakeHost(routes: Record<string, Handler>): Promise<FakeHost> {
  const asked: string[] = []
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request
    asked.push(`${method} ${url}`)
    const path = url.split('?', 1)[0]
    const handler = routes[`${method} ${path}`]
    const open = path === '/healthz' || path === '/opened'
    if (!open && request.headers.authorization !== 'Bearer t0ken') {
      return answerProblem(response, { code: 'unauthorized', status: 401, detail: 'this needs a token' })
    }
    if (!handler)
      return answerProblem(response, { code: 'unknown_app', status: 404, detail: 'there is no app nope' })
    if (request.headers['content-type'] === 'application/json') bodies.push(await text(request))
    await handler(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://dormice.localhost:${port}`,
    port,
    asked,
    bodies,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A port of 127.0.0.1 where nothing answers. */
export async function unusedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export function answer(body: unknown): Handler {
  return (_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  }
}

/** Answers with JSON lines and ends. */
export function answerLines(...lines: unknown[]): Handler {
  return async (request, response) => {
    request.resume()
    if (!request.complete) await once(request, 'end')
    response.setHeader('content-type', 'application/x-ndjson')
    response.end(lines.map(line => `${JSON.stringify(line)}\n`).join(''))
  }
}

export function answerProblem(
  response: ServerResponse,
  problem: { status: number } & Record<string, unknown>,
): void {
  response.writeHead(problem.status, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ type: 'about:blank', title: 'Error', ...problem }))
}

export const noContent: Handler = (_, response) => {
  response.writeHead(204).end()
}

/** An app as the API shows it. */
export function app(name: string, more: Partial<AppShape> = {}): AppShape {
  return {
    name,
    url: `http://${name}.localhost:8080`,
    state: 'asleep',
    runtime: 'node',
    release: 1,
    snapshot: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    lastUsedAt: null,
    memory: { now: null, peak: null, suggested: null },
    requests: { running: 0, waiting: 0 },
    settings: {
      memory: 268435456,
      cpu: 1,
      pids: 256,
      sleepAfter: 300000,
      freeze: 'auto',
      freezeAfter: 30000,
      idle: 'requests',
      wakeTimeout: 30000,
      startTimeout: 30000,
      maxWaiting: 512,
      disk: 2147483648,
      ignore: null,
      waiting: null,
      access: null,
    },
    settingSources: {
      memory: 'default',
      cpu: 'default',
      pids: 'default',
      sleepAfter: 'default',
      freeze: 'default',
      freezeAfter: 'default',
      idle: 'default',
      wakeTimeout: 'default',
      startTimeout: 'default',
      maxWaiting: 'default',
      disk: 'default',
      ignore: 'default',
      waiting: 'default',
      access: 'default',
    },
    pendingSettings: [],
    failure: null,
    overrun: null,
    ...more,
  }
}

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

/** The CLI at work. */
export type Running = {
  stdin: Writable
  stdout: Readable
  stderr: Readable
  kill(signal: NodeJS.Signals): void
  /** Resolves when it is over, and what it printed. */
  ended: Promise<Ended>
  /** The same for a test that stops reading what it prints. */
  exit: Promise<Pick<Ended, 'code' | 'signal'>>
}

type Surroundings = {
  host?: Pick<FakeHost, 'url'>
  /** Variables; undefined takes one away. */
  env?: Record<string, string | undefined>
  cwd?: string
  /** Flags for Node itself. */
  node?: string[]
}

/** Starts the CLI as a child process, no terminal around it. */
export function start(args: string[], { host, env = {}, cwd, node = [] }: Surroundings = {}): Running {
  const child = spawn(process.execPath, [...node, join(import.meta.dirname, 'main.ts'), ...args], {
    cwd,
    env: { ...clean, DORMICE_TOKEN: 't0ken', ...(host && { DORMICE_URL: host.url }), ...env },
  })
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  const ended = Promise.all([text(child.stdout), text(child.stderr), exit]).then(([stdout, stderr, how]) => ({
    ...how,
    stdout,
    stderr,
  }))
  // Of a test that waits for `exit`, and stopped reading.
  ended.catch(() => {})
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    kill: signal => child.kill(signal),
    ended,
    exit,
  }
}

/** Runs the CLI to its end, `input` on its standard input. */
export function run(
  args: string[],
  { input = '', ...rest }: Surroundings & { input?: string } = {},
): Promise<Ended> {
  const running = start(args, rest)
  // A command that never reads its input may be gone before it is written.
  running.stdin.on('error', () => {})
  running.stdin.end(input)
  return running.ended
}

/** This process's environment without what would change what the CLI does. */
const clean = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(DORMICE_|npm_|NO_COLOR|FORCE_COLOR|DISPLAY|WAYLAND|INIT_CWD)/.test(name),
  ),
)
