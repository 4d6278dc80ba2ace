import type { Row } from './report.ts'

export type BenchOptions = {
  /** Ends within 60 s, with fewer samples. */
  quick: boolean
  /** Aborts when the user wants it to end; what was made on the machine is cleaned up all the same. */
  signal: AbortSignal
  /** Shows a line of progress. */
  say(line: string): void
}

export type Findings = {
  rows: Row[]
  /** What the project's targets are about, by their stable names. A baseline that is absent leaves its ratio out. */
  ratios: Record<string, number>
  /** How to read the table: what is measured, from when to when, and what was left out. */
  notes: string[]
}

/** One benchmark: measures Dormice and its baselines in the same run, interleaved. */
export type Bench = (options: BenchOptions) => Promise<Findings>
