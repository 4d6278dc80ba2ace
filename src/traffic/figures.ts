import type { AccessRecord } from '../edge/context.ts'
import type { HeldFor, TrafficFigures } from '../store/records.ts'
import { addPairs, LatencyCounts } from './latency.ts'

export const heldFor = ['none', 'cold', 'frozen'] as const satisfies readonly HeldFor[]

/** What one app is asked, counted as it comes. Some 300 bytes, and 500 for each kind of wake that there was. */
export class Counters {
  readonly #statuses = [0, 0, 0, 0, 0, 0]
  readonly #aborted = { visitor: 0, app: 0, edge: 0 }
  #byEdge = 0
  #received = 0
  #sent = 0
  #wakes = 0
  readonly #latency: { [kind in HeldFor]?: LatencyCounts } = {}

  add({ status, aborted, code, received, sent, first, wake, wakeMs = 0, upstreamMs }: AccessRecord): void {
    const hundreds = Math.min(Math.floor(status / 100), 5)
    this.#statuses[hundreds] = (this.#statuses[hundreds] ?? 0) + 1
    if (aborted !== undefined) this.#aborted[aborted]++
    if (code !== undefined) this.#byEdge++
    this.#received += received
    this.#sent += sent
    if (first) this.#wakes++
    if (upstreamMs === undefined) return
    this.#latency[wake] ??= new LatencyCounts()
    this.#latency[wake].add(wakeMs + upstreamMs)
  }

  get figures(): TrafficFigures {
    const latency: TrafficFigures['latency'] = {}
    for (const kind of heldFor) {
      const counts = this.#latency[kind]
      if (counts) latency[kind] = counts.pairs()
    }
    return {
      statuses: [...this.#statuses],
      aborted: { ...this.#aborted },
      byEdge: this.#byEdge,
      received: this.#received,
      sent: this.#sent,
      wakes: this.#wakes,
      latency,
    }
  }
}

/** Nothing was asked. */
export const nothing: TrafficFigures = new Counters().figures

/** The figures of both times. */
export function addFigures(one: TrafficFigures, other: TrafficFigures): TrafficFigures {
  const latency: TrafficFigures['latency'] = {}
  for (const kind of heldFor) {
    const pairs = addPairs(one.latency[kind], other.latency[kind])
    if (pairs.length > 0) latency[kind] = pairs
  }
  return {
    statuses: one.statuses.map((count, hundreds) => count + (other.statuses[hundreds] ?? 0)),
    aborted: {
      visitor: one.aborted.visitor + other.aborted.visitor,
      app: one.aborted.app + other.aborted.app,
      edge: one.aborted.edge + other.aborted.edge,
    },
    byEdge: one.byEdge + other.byEdge,
    received: one.received + other.received,
    sent: one.sent + other.sent,
    wakes: one.wakes + other.wakes,
    latency,
  }
}
