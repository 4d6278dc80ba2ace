// The edge of a soak, in a process of its own: `edge-process.ts <JSON of the apps' ports by name>`. Its limits are short,
// so that much runs into them.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Leasable, Lease, Upstream } from '../../src/apps/lease.ts'
import { createEdge, type EdgeOptions } from '../../src/edge/edge.ts'
import { HandCertificates } from '../../src/edge/tls/fixture.ts'
import { createLog } from '../../src/log.ts'
import { Problem } from '../../src/problem.ts'
import type { Ask, Message } from './sample.ts'

/** Every this many ms some apps must go, busy or not. */
const moods = 3_000

let leases = 0

/** An instance that is always awake. */
class Awake implements Leasable {
  readonly #upstream: Upstream
  #revoke = new AbortController()

  constructor(port: number) {
    this.#upstream = { host: '127.0.0.1', port }
    setMaxListeners(0, this.#revoke.signal)
  }

  lease(): Lease | undefined {
    return this.take()
  }

  readonly forecast = { state: 'awake', expected: undefined } as const

  quietLease(): Lease {
    return this.take()
  }

  async acquire(_: AbortSignal): Promise<Lease> {
    return this.take()
  }

  /** The instance must go, busy or not; another takes its place. */
  revoke(): void {
    this.#revoke.abort(new Error('the app is put to sleep'))
    this.#revoke = new AbortController()
    setMaxListeners(0, this.#revoke.signal)
  }

  protected take(): Lease {
    leases++
    let out = true
    const release = () => {
      if (out) leases--
      out = false
    }
    return { upstream: this.#upstream, wake: undefined, revoked: this.#revoke.signal, release }
  }
}

/** One that wakes for every request, and sometimes cannot. */
class Sleepy extends Awake {
  #wakes = 0

  override lease(): undefined {
    return undefined
  }

  override async acquire(signal: AbortSignal): Promise<Lease> {
    await sleep(50, undefined, { signal })
    if (++this.#wakes % 5 > 0) return this.take()
    throw new Problem({ code: 'wake_timeout', status: 504, detail: 'It took too long.', retryAfter: 1 })
  }
}

const ports: Record<string, number> = JSON.parse(process.argv[2] ?? '{}')
const apps = new Map(
  Object.entries(ports).map(([name, port]) => [name, name === 'sleepy' ? new Sleepy(port) : new Awake(port)]),
)
const tell = (message: Message) => process.send?.(message)
let records = 0
const options: EdgeOptions = {
  resolve: app => apps.get(app),
  control: (_, res) => res.end('control'),
  domain: 'localhost',
  log: {
    ...createLog(line => tell({ line })),
    access: () => {
      records++
    },
  },
  limits: {
    headersTimeout: 2_000,
    bodyTimeout: 3_000,
    unreadTimeout: 2_500,
    answerTimeout: 3_000,
    keepAlive: 5_000,
    linger: 500,
    halfOpen: 2_000,
    farewell: 2_000,
    certificateTimeout: 1_000,
    connections: 1_000,
  },
}
const source = new HandCertificates(...[...apps.keys()].map(app => `${app}.localhost`))
// One without TLS and one with it, as one with it sends whoever comes without to where it is.
const plain = createEdge(options)
const secure = createEdge({ ...options, tls: { source } })
setInterval(() => {
  for (const name of ['moody', 'restless']) apps.get(name)?.revoke()
}, moods)

process.on('message', (_: Ask) => {
  // Twice: what is only kept by what is finalised by the first goes with the second.
  gc?.()
  gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  const [one, other] = [plain.load, secure.load]
  const connections = one.connections + other.connections
  const requests = one.requests + other.requests
  const upstreams = one.upstreams + other.upstreams
  const resources = process.getActiveResourcesInfo().length
  tell({
    sample: { heap: heapUsed, external, rss, resources, leases, requests, connections, upstreams },
  })
})
process.once('disconnect', () => process.exit(records < 0 ? 1 : 0))
const anywhere = { host: '127.0.0.1', port: 0 }
await secure.listen(anywhere)
tell({ port: (await plain.listen(anywhere)).port, tlsPort: (await secure.listenTls(anywhere)).port })
