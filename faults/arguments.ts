import { parseArgs } from 'node:util'
import { type Step, steps } from '../src/apps/steps.ts'
import { messageOf } from '../src/problem.ts'

export type Request =
  | { mode: 'matrix'; only: string; concurrency: number; single: boolean; json: boolean }
  | { mode: 'engine'; only: string; json: boolean }
  | { mode: 'soak'; seed: number; minutes: number; path: string | undefined; json: boolean }

/** Wrong usage: its message says what is accepted. */
export class UsageError extends Error {
  override name = 'UsageError'
}

export const usage = `usage: npm run faults [-- options]
  (none)               kills the host at every named step, and at every step of its recovery from that
  --only <step>        at one step, or at all that begin so, e.g. "sleep.committed", "deploy."
  --single             without the second kills
  --concurrency <n>    cases at a time; 2
  --engine             kills the engine instead, one of the harness's own
  --seed <n>           a random soak instead; the same seed gives the same commands
  --minutes <m>        how long; 10
  --path <path>        replays what a soak found
  --json               one JSON object as the last line`

/** Reads what follows `npm run faults --`; undefined: help was asked for. @throws {UsageError} */
export function readArguments(args: readonly string[]): Request | undefined {
  const values = parse(args)
  if (values.help) return undefined
  const { json, only = '' } = values
  if (only && !steps.some(step => step.startsWith(only))) {
    throw new UsageError(`--only ${only}: no step begins so; there are ${groups().join(', ')}`)
  }
  const soak = values.seed ?? values.minutes ?? values.path
  if (soak !== undefined) {
    if (only || values.engine || values.single) {
      throw new UsageError('--seed, --minutes and --path are for a soak, which goes through no list of steps')
    }
    return {
      mode: 'soak',
      seed: number('--seed', values.seed ?? String(Math.floor(Math.random() * 2 ** 31))),
      minutes: number('--minutes', values.minutes ?? '10'),
      path: values.path,
      json,
    }
  }
  if (values.engine) return { mode: 'engine', only, json }
  const concurrency = number('--concurrency', values.concurrency ?? '2')
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new UsageError('--concurrency: accepted: 1 and up')
  return { mode: 'matrix', only, concurrency, single: values.single, json }
}

function number(name: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`${name} ${text}: accepted: a number`)
  return Number(text)
}

function groups(): string[] {
  return [...new Set(steps.map((step: Step) => `${step.split('.')[0]}.`))]
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        concurrency: { type: 'string' },
        single: { type: 'boolean', default: false },
        engine: { type: 'boolean', default: false },
        seed: { type: 'string' },
        minutes: { type: 'string' },
        path: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(messageOf(error).split('. ')[0])
  }
}
