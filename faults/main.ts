import { Interrupted, interruptSignal } from '../bench/interrupt.ts'
import { messageOf } from '../src/problem.ts'
import { type Request, readArguments, UsageError, usage } from './arguments.ts'
import { uncovered } from './cases.ts'
import { runMatrix } from './matrix.ts'
import type { Result } from './run-case.ts'
import { passed, renderTable, summarise } from './table.ts'

/** Progress on standard error, so that standard output is the result; in place where that is a terminal. */
function say(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `… ${line}\n`)
}

function progress({ step, again, scenario, ...result }: Result, left: number): void {
  const mark = passed({ step, scenario, ...result }) ? '✓' : '✗'
  say(`${mark} ${step}${again ? ` + ${again}` : ''}, ${scenario}; ${left} left`)
}

async function matrix(request: Request & { mode: 'matrix' }, signal: AbortSignal): Promise<number> {
  const missing = request.only ? [] : uncovered()
  const started = performance.now()
  const results = await runMatrix({ ...request, signal, report: progress })
  if (process.stderr.isTTY) say('')
  for (const line of renderTable(results)) console.log(line)
  console.log(`\n${summarise(results)}, in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  if (missing.length > 0) console.log(`no scenario leads through ${missing.join(', ')}`)
  if (request.json) console.log(JSON.stringify({ results, uncovered: missing }))
  return missing.length === 0 && results.every(passed) ? 0 : 1
}

/** Resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const request = readArguments(args)
  if (request === undefined) {
    console.log(usage)
    return 0
  }
  const signal = interruptSignal()
  try {
    switch (request.mode) {
      case 'matrix':
        return await matrix(request, signal)
      default:
        throw new UsageError(`${request.mode} is not there yet`)
    }
  } catch (error) {
    // What fails after Ctrl-C fails because of it: it reached the children as well.
    if (!signal.aborted) throw error
    throw new Interrupted('interrupted', { cause: error })
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${usage}`)
  else console.error(error instanceof Interrupted ? messageOf(error) : error)
  process.exitCode = error instanceof UsageError ? 2 : error instanceof Interrupted ? 130 : 1
}
