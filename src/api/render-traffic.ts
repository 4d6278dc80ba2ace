import type { TrafficFigures } from '../store/records.ts'
import { addPairs, countOf, percentile } from '../traffic/latency.ts'
import type { LatencyShape, TrafficShape } from './shapes.ts'

export function renderFigures(figures: TrafficFigures): TrafficShape {
  const { statuses, latency, ...shown } = figures
  const [unanswered = 0, ...byHundreds] = statuses
  const [informational = 0, successful = 0, redirected = 0, refused = 0, failed = 0] = byHundreds
  return {
    requests: statuses.reduce((sum, count) => sum + count),
    statuses: { '1xx': informational, '2xx': successful, '3xx': redirected, '4xx': refused, '5xx': failed },
    unanswered,
    ...shown,
    latency: {
      none: renderLatency(latency.none),
      held: renderLatency(addPairs(latency.cold, latency.frozen)),
      cold: renderLatency(latency.cold),
      frozen: renderLatency(latency.frozen),
    },
  }
}

function renderLatency(pairs: readonly number[] = []): LatencyShape | null {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map(part => percentile(pairs, part))
  if (p50 === undefined || p95 === undefined || p99 === undefined) return null
  return { requests: countOf(pairs), p50: rounded(p50), p95: rounded(p95), p99: rounded(p99) }
}

/** To three digits: more are not known. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(3))
}
