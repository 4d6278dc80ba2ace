import type { Sample } from './sample.ts'

type Measure = Exclude<keyof Sample, 'at'>

/** How much more there may be, for nothing stands quite still: a part of what there was, and a bit. */
const slack: Readonly<Record<Measure, { part: number; bit: number }>> = {
  heap: { part: 0.05, bit: 1024 * 1024 },
  external: { part: 0.1, bit: 4 * 1024 * 1024 },
  rss: { part: 0.05, bit: 8 * 1024 * 1024 },
  files: { part: 0.1, bit: 20 },
  resources: { part: 0.1, bit: 20 },
  leases: { part: 0.1, bit: 10 },
  requests: { part: 0.1, bit: 10 },
  connections: { part: 0.1, bit: 20 },
  upstreams: { part: 0, bit: 1 },
}

export type Trend = { measure: Measure; second: number; last: number; flat: boolean }

export const rule =
  'flat: the median of the last third of the samples is at most that of the second third, and 5 % and 1 MiB (heap), ' +
  '5 % and 8 MiB (rss), 10 % and 4 MiB (external), 10 % and 10 (leases, requests), 10 % and 20 (files, resources, ' +
  'connections), 1 (upstreams) more; at rest afterwards no lease, request or connection is left'

/** Compares the last third of the samples with the second; the first is for warming up. */
export function trends(samples: readonly Sample[]): Trend[] {
  const third = Math.floor(samples.length / 3)
  const middle = samples.slice(-2 * third, -third)
  const end = samples.slice(-third)
  return (Object.keys(slack) as Measure[]).map(measure => {
    const second = median(middle.map(sample => sample[measure]))
    const last = median(end.map(sample => sample[measure]))
    const { part, bit } = slack[measure]
    return { measure, second, last, flat: last <= second * (1 + part) + bit }
  })
}

/** What is left although nobody asks for anything any more, as `leases 2`. */
export function leftovers(rest: Sample): string[] {
  return (['leases', 'requests', 'connections', 'upstreams'] as const).flatMap(measure =>
    rest[measure] === 0 ? [] : `${measure} ${rest[measure]}`,
  )
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
