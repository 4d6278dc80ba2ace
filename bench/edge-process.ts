// The edge in a process of its own, as the host runs it, with apps that are awake: `edge-process.ts <upstream port>`.
// It prints the port that it listens on.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { Leasable, Lease } from '../src/apps/lease.ts'
import { Leases } from '../src/apps/leases.ts'
import { createEdge } from '../src/edge/edge.ts'
import { silent } from '../src/log.ts'
import { AccessLog } from '../src/traffic/access-log.ts'
import { RotatingFile } from '../src/traffic/rotating-file.ts'
import { addressOf, appCount, nameOf } from './many-apps.ts'

const port = Number(process.argv[2])
/** As the keeper has them, by the order of their last use. */
const recent = new LRUCache<string, true>({ max: appCount })

/** An instance that is awake, with what a lease of the real one costs: counting, its place in the LRU, its idle time. */
class Awake implements Leasable {
  readonly #name: string
  readonly #leases: Leases
  lastUsed = 0

  constructor(name: string, upstream: { host: string; port: number }) {
    this.#name = name
    this.#leases = new Leases(upstream, undefined, () => {
      this.lastUsed = Date.now()
    })
    recent.set(name, true)
  }

  /** None, as with most apps. */
  readonly rules = undefined
  readonly forecast = { state: 'awake', expected: undefined } as const

  lease(): Lease {
    recent.get(this.#name)
    return this.#leases.take()
  }

  quietLease(): Lease {
    return this.#leases.takeQuietly()
  }

  async acquire(): Promise<Lease> {
    return this.lease()
  }
}

const apps = new Map(
  Array.from({ length: appCount }, (_, app) => [
    nameOf(app),
    new Awake(nameOf(app), { host: addressOf(app), port }),
  ]),
)
// As the host's: a line for every request, in a file.
const folder = mkdtempSync(join(tmpdir(), 'dormice-access-'))
const records = new AccessLog(new RotatingFile(join(folder, 'access.jsonl'), 16 * 1024 * 1024), silent)
setInterval(() => records.tick(), 1_000)
const edge = createEdge({
  resolve: app => apps.get(app),
  control: (_, res) => res.end(),
  domain: 'localhost',
  // nginx's and Caddy's logs are off.
  log: { ...silent, access: record => records.add(record) },
})
const address = await edge.listen({ host: '127.0.0.1', port: 0 })
console.log(address.port)
process.once('SIGTERM', () => {
  rmSync(folder, { recursive: true })
  process.exit()
})
