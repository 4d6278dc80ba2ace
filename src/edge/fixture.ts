import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer as createTcpServer } from 'node:net'
import type { TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Forecast, Leasable, Lease, Upstream, WakeInfo } from '../apps/lease.ts'
import { InstanceGone } from '../apps/lease.ts'
import type { Rules } from '../apps/rules.ts'
import { silent } from '../log.ts'
import type { AccessRecord } from './context.ts'
import type { Edge, EdgeOptions } from './edge.ts'
import { createEdge } from './edge.ts'

/** An instance moved by hand: awake with an upstream, or asleep with requests waiting. */
export class HandApp implements Leasable {
  /** Leases not given back. */
  out = 0
  /** Leases ever given, without quiet ones. */
  taken = 0
  takenQuietly = 0
  rules: Rules | undefined
  /** How long its wakes take, as far as is known, ms. */
  expected: number | undefined
  /** Why it would not wake. */
  broken: Error | undefined
  upstream: Upstream | undefined
  /** Told to the next lease only. */
  wake: WakeInfo | undefined
  awoke: WakeInfo['kind'] | undefined
  readonly waiting = new Set<PromiseWithResolvers<Lease>>()
  unreachable?: () => Promise<void>
  #revoked = new AbortController()
  readonly #watchers = new Set<() => void>()

  constructor(upstream?: Upstream) {
    this.upstream = upstream
  }

  lease(): Lease | undefined {
    if (!this.upstream) return undefined
    const { wake } = this
    this.wake = undefined
    this.taken++
    return this.#give(this.upstream, wake)
  }

  quietLease(): Lease | undefined {
    if (this.broken) throw this.broken
    if (!this.upstream) return undefined
    this.takenQuietly++
    return this.#give(this.upstream, undefined)
  }

  get forecast(): Forecast {
    return {
      state: this.upstream ? 'awake' : this.waiting.size > 0 ? 'waking' : 'asleep',
      expected: this.expected,
    }
  }

  #give(upstream: Upstream, wake: WakeInfo | undefined): Lease {
    this.out++
    this.#tell()
    let held = true
    const release = () => {
      if (!held) return
      held = false
      this.out--
      this.#tell()
    }
    return { upstream, wake, awoke: this.awoke, revoked: this.#revoked.signal, release }
  }

  acquire(signal: AbortSignal): Promise<Lease> {
    const place = Promise.withResolvers<Lease>()
    this.waiting.add(place)
    signal.addEventListener('abort', () => {
      this.waiting.delete(place)
      place.reject(signal.reason)
      this.#tell()
    })
    this.#tell()
    return place.promise
  }

  /** Wakes: everybody who waits gets a lease, the first one is told of the wake. */
  wakeUp(upstream: Upstream, wake?: WakeInfo): void {
    this.upstream = upstream
    this.wake = wake
    this.awoke = wake?.kind
    for (const place of this.waiting) place.resolve(this.lease() as Lease)
    this.waiting.clear()
  }

  /** The wake fails: everybody who waits gets this. */
  refuse(error: unknown): void {
    for (const place of this.waiting) place.reject(error)
    this.waiting.clear()
  }

  /** The instance must go, busy or not. */
  revoke(): void {
    this.upstream = undefined
    this.#revoked.abort(new Error('revoked'))
    this.#revoked = new AbortController()
  }

  /** The instance has ended by itself, or its network has. */
  end(how = { cutOff: false }): void {
    this.upstream = undefined
    this.#revoked.abort(new InstanceGone(how))
    this.#revoked = new AbortController()
  }

  /** Resolves once the condition holds; checked at each change of leases and places. */
  async until(condition: (app: this) => boolean): Promise<void> {
    while (!condition(this)) {
      await new Promise<void>(resolve => this.#watchers.add(resolve))
    }
  }

  idle(): Promise<void> {
    return this.until(app => app.out === 0 && app.waiting.size === 0)
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher()
    this.#watchers.clear()
  }
}

/** A raw connection: what came in so far, and waiting for more of it. Text is latin1, a byte a character. */
export class Wire {
  readonly socket: Socket
  received = ''
  /** The error the connection ended with, as ECONNRESET. */
  error: string | undefined
  /** The other side sends no more. */
  closed = false
  readonly #watchers = new Set<() => void>()

  constructor(socket: Socket) {
    this.socket = socket
    const tell = () => {
      for (const watcher of this.#watchers) watcher()
      this.#watchers.clear()
    }
    socket.on('data', (data: Buffer) => {
      this.received += data.toString('latin1')
      tell()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code
    })
    const ended = () => {
      this.closed = true
      tell()
    }
    socket.on('end', ended)
    socket.on('close', ended)
  }

  write(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** What came in, once it holds this text; fails when the connection closes before. */
  async until(text: string): Promise<string> {
    while (!this.received.includes(text)) {
      assert(!this.closed, `closed before ${JSON.stringify(text)}; received ${JSON.stringify(this.received)}`)
      await new Promise<void>(resolve => this.#watchers.add(resolve))
    }
    return this.received
  }

  /** All that came in, once the other side sends no more. */
  async end(): Promise<string> {
    while (!this.closed) await new Promise<void>(resolve => this.#watchers.add(resolve))
    this.socket.end()
    return this.received
  }
}

/** A connection to the edge. Ended with the test. */
export async function dial(t: TestContext, port: number): Promise<Wire> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return new Wire(socket)
}

/** An app that speaks raw bytes; `accept` is called with each connection. */
export function rawApp(t: TestContext, accept: (wire: Wire) => void): Promise<Upstream> {
  return listen(
    t,
    createTcpServer({ allowHalfOpen: true, noDelay: true }, socket => accept(new Wire(socket))),
  )
}

/** An app that neither accepts connections nor refuses them: it hangs, and its queue of them is full. */
export async function deafApp(t: TestContext): Promise<Upstream> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`,
    { eval: true },
  )
  t.after(() => worker.terminate())
  const [port] = (await once(worker, 'message')) as [number]
  // The system takes one more than it was told.
  await dial(t, port)
  await dial(t, port)
  return { host: '127.0.0.1', port }
}

/** An app that answers every request on every connection with the same bytes, and keeps what it was sent. */
export async function cannedApp(
  t: TestContext,
  answer: string,
): Promise<{ upstream: Upstream; wires: Wire[] }> {
  const wires: Wire[] = []
  const upstream = await rawApp(t, wire => {
    wires.push(wire)
    let answered = 0
    wire.socket.on('data', () => {
      const requests = wire.received.split('\r\n\r\n').length - 1
      for (; answered < requests; answered++) wire.write(answer)
    })
  })
  return { upstream, wires }
}

/** An app as an ordinary Node server. */
export function httpApp(t: TestContext, listener: RequestListener): Promise<Upstream> {
  return listen(t, createServer(listener))
}

async function listen(t: TestContext, server: Server): Promise<Upstream> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

export type Stage = { edge: Edge; port: number; app: HandApp; records: AccessRecord[] }

/**
 * An edge for `app.localhost` on a free port. At the end of the test every lease must have come back by itself.
 */
export async function stage(
  t: TestContext,
  upstream: Upstream | undefined,
  options: Partial<EdgeOptions> = {},
): Promise<Stage> {
  const app = new HandApp(upstream)
  const records: AccessRecord[] = []
  const edge = createEdge({
    resolve: name => (name === 'app' ? app : undefined),
    control: (_, res) => res.end('control'),
    domain: 'localhost',
    log: { ...silent, access: record => records.push(record) },
    ...options,
  })
  const { port } = await edge.listen({ host: '127.0.0.1', port: 0 })
  t.after(async () => {
    await edge.close({ drain: 0 })
    assert.deepEqual({ out: app.out, waiting: app.waiting.size }, { out: 0, waiting: 0 })
  })
  return { edge, port, app, records }
}

/** The head of a GET for the app. */
export function get(path = '/', ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: app.localhost', ...headers, '', ''].join('\r\n')
}
