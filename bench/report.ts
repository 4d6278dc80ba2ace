import type { Findings } from './bench.ts'
import type { Machine } from './machine.ts'
import { percentile } from './statistics.ts'

/** One measured quantity of one case. */
export type Row = {
  case: string
  unit: string
  /** Null when there is no sample. */
  p50: number | null
  p95: number | null
  /** Number of samples. */
  n: number
  /** Why there is no sample. */
  absent?: string
}

/** What `--json` prints; part of the public contract. */
export type Report = {
  bench: string
  machine: Machine
  rows: Row[]
  ratios: Record<string, number>
}

/** A row from its samples. */
export function summarise(name: string, unit: string, samples: readonly number[]): Row {
  if (samples.length === 0) return absent(name, unit, 'no sample')
  const at = (share: number) => round(percentile(samples, share))
  return { case: name, unit, p50: at(0.5), p95: at(0.95), n: samples.length }
}

/** A row that says why nothing was measured. */
export function absent(name: string, unit: string, why: string): Row {
  return { case: name, unit, p50: null, p95: null, n: 0, absent: why }
}

/**
 * One row's figure over another's, both with the same share of samples below them. Undefined when either is absent.
 */
export function ratio(of: Row | undefined, to: Row | undefined, which: 'p50' | 'p95'): number | undefined {
  const above = of?.[which]
  const below = to?.[which]
  return above == null || below == null || below === 0 ? undefined : round(above / below)
}

/** Only those ratios that could be made. */
export function known(ratios: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(Object.entries(ratios).filter(entry => entry[1] !== undefined)) as Record<
    string,
    number
  >
}

/** The JSON object of a run. */
export function report(bench: string, machine: Machine, { rows, ratios }: Findings): Report {
  return { bench, machine, rows, ratios }
}

/** To four significant digits: a fifth one would claim a precision that no run has. */
function round(value: number): number {
  return Number(value.toPrecision(4))
}
