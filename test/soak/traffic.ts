import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Wire } from '../../src/edge/fixture.ts'
import { messageOf } from '../../src/problem.ts'
import type { Visit } from './visits.ts'

/** How long a visit may take, ms: longer than every limit that it may run into. */
const patience = 30_000
/** Visits of one kind at a time; more only means that the machine is too busy for the pace. */
const atOnce = 60

/** Where the edge listens, without and with TLS. */
export type Ports = { port: number; tlsPort: number }

/** How visits of one kind fared. */
export type Fared = { visit: string; done: number; skipped: number; failed: string[] }

/** Visits of all kinds, each at its own pace, whatever becomes of those before. */
export class Traffic {
  readonly #edge: Ports
  readonly #timers: NodeJS.Timeout[]
  readonly #underWay = new Set<Promise<void>>()
  readonly fared: Fared[] = []

  /** @param chosen those that are made */
  constructor(edge: Ports, chosen: readonly Visit[]) {
    this.#edge = edge
    this.#timers = chosen.map(visit => {
      const fared: Fared = { visit: visit.name, done: 0, skipped: 0, failed: [] }
      this.fared.push(fared)
      let running = 0
      return setInterval(() => {
        if (running >= atOnce) {
          fared.skipped++
          return
        }
        running++
        const visited = this.#visit(visit, fared).finally(() => {
          running--
          this.#underWay.delete(visited)
        })
        this.#underWay.add(visited)
      }, visit.every)
    })
  }

  /** Begins no more, and waits for those that are under way. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.#underWay)
  }

  async #visit(visit: Visit, fared: Fared): Promise<void> {
    const { port, tlsPort } = this.#edge
    const wires: Wire[] = []
    const late = new AbortController()
    try {
      const tooLong = sleep(patience, undefined, { signal: late.signal }).then(
        () => Promise.reject(new Error(`not over after ${patience / 1000} s`)),
        () => {},
      )
      const visiting = visit.run({ port, tlsPort, open: () => open(port, wires) })
      await Promise.race([visiting, tooLong.then(() => visiting)])
      fared.done++
    } catch (error) {
      fared.failed.push(messageOf(error).slice(0, 300))
    } finally {
      late.abort()
      for (const { socket } of wires) socket.destroy()
    }
  }
}

function open(port: number, wires: Wire[]): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const wire = new Wire(socket)
    wires.push(wire)
    socket.once('connect', () => resolve(wire))
    socket.once('error', reject)
  })
}
