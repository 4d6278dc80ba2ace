import type { Sample } from './sample.ts'
import type { Fared } from './traffic.ts'
import type { Trend } from './verdict.ts'

const columns: readonly [head: string, shown: (sample: Sample) => string][] = [
  ['s', sample => sample.at.toFixed(0)],
  ['heap MiB', sample => mib(sample.heap)],
  ['external MiB', sample => mib(sample.external)],
  ['rss MiB', sample => mib(sample.rss)],
  ['files', sample => String(sample.files)],
  ['resources', sample => String(sample.resources)],
  ['leases', sample => String(sample.leases)],
  ['requests', sample => String(sample.requests)],
  ['connections', sample => String(sample.connections)],
  ['upstreams', sample => String(sample.upstreams)],
]

/** The heads of {@link sampleLine}. */
export function headLine(): string {
  return columns.map(([head]) => head.padStart(width(head))).join('  ')
}

export function sampleLine(sample: Sample): string {
  return columns.map(([head, shown]) => shown(sample).padStart(width(head))).join('  ')
}

/** How the visits fared: how many of each kind, and what went wrong. */
export function renderFared(all: readonly Fared[]): string[] {
  return all.flatMap(({ visit, done, skipped, failed }) => [
    `${failed.length > 0 ? '✗' : '✓'} ${visit.padEnd(44)} ${String(done).padStart(7)}${skipped > 0 ? `, ${skipped} left out` : ''}${failed.length > 0 ? `, ${failed.length} failed:` : ''}`,
    ...[...new Set(failed)].slice(0, 5).map(text => `    ${text}`),
  ])
}

export function renderTrends(all: readonly Trend[]): string[] {
  return all.map(({ measure, second, last, flat }) => {
    const isBytes = measure === 'heap' || measure === 'external' || measure === 'rss'
    const shown = (value: number) => (isBytes ? `${mib(value)} MiB` : String(value))
    return `${flat ? '✓' : '✗'} ${measure.padEnd(12)} ${shown(second).padStart(10)} → ${shown(last)}`
  })
}

function width(head: string): number {
  return Math.max(6, head.length)
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
