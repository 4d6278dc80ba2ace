// The edge in a process of its own, as the host runs it, for one app that is awake: `edge-process.ts <upstream port>`.
// It prints the port that it listens on.
import { setMaxListeners } from 'node:events'
import { LRUCache } from 'lru-cache'
import type { Leasable, Lease } from '../src/apps/lease.ts'
import { createEdge } from '../src/edge/edge.ts'
import { silent } from '../src/log.ts'

const upstream = { host: '127.0.0.1', port: Number(process.argv[2]) }

/** An instance that is awake, with what a lease of the real one costs: counting, its place in the LRU, its idle time. */
class Awake implements Leasable {
  readonly #revoked = new AbortController()
  readonly #recent = new LRUCache<string, true>({ max: 100 })
  leases = 0
  lastUsed = 0

  constructor() {
    setMaxListeners(0, this.#revoked.signal)
    this.#recent.set('app', true)
  }

  lease(): Lease {
    this.leases++
    this.#recent.get('app')
    let out = true
    return {
      upstream,
      wake: undefined,
      revoked: this.#revoked.signal,
      release: () => {
        if (!out) return
        out = false
        this.leases--
        this.lastUsed = Date.now()
      },
    }
  }

  async acquire(): Promise<Lease> {
    return this.lease()
  }
}

const apps = new Map([['app', new Awake()]])
let records = 0
const edge = createEdge({
  resolve: app => apps.get(app),
  control: (_, res) => res.end(),
  domain: 'localhost',
  // Every record is made; where it goes is the host's matter, as nginx's and Caddy's logs are off as well.
  log: {
    ...silent,
    access: () => {
      records++
    },
  },
})
const { port } = await edge.listen({ host: '127.0.0.1', port: 0 })
console.log(port)
process.once('SIGTERM', () => process.exit(records < 0 ? 1 : 0))
