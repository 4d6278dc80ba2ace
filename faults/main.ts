import { Interrupted, interruptSignal } from '../bench/interrupt.ts'
import { messageOf } from '../src/problem.ts'
import { PrivateEngine } from '../test/support/private-engine.ts'
import { type Request, readArguments, UsageError, usage } from './arguments.ts'
import { uncovered } from './cases.ts'
import { runEngineCases } from './engine-cases.ts'
import { runMatrix } from './matrix.ts'
import type { Result } from './run-case.ts'
import { soak } from './soak.ts'
import { passed, renderTable, summarise } from './table.ts'

/** Progress on standard error, so that standard output is the result; in place where that is a terminal. */
function say(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `… ${line}\n`)
}

function progress(result: Result, left: number): void {
  const { step, again, scenario, lost, leaked, stuck } = result
  say(`${passed(result) ? '✓' : '✗'} ${step}${again ? ` + ${again}` : ''}, ${scenario}; ${left} left`)
  for (const text of [...lost, ...leaked, ...stuck]) console.error(`\n    ${text}`)
}

async function matrix(request: Request & { mode: 'matrix' }, signal: AbortSignal): Promise<number> {
  const missing = request.only ? [] : uncovered()
  const started = performance.now()
  const results = await runMatrix({ ...request, signal, report: progress })
  show(results, started)
  if (missing.length > 0) console.log(`no scenario leads through ${missing.join(', ')}`)
  if (request.json) console.log(JSON.stringify({ results, uncovered: missing }))
  return missing.length === 0 && results.every(passed) ? 0 : 1
}

/** @param started as of `performance.now()` */
function show(results: readonly Result[], started: number): void {
  if (process.stderr.isTTY) say('')
  for (const line of renderTable(results)) console.log(line)
  console.log(`\n${summarise(results)}, in ${((performance.now() - started) / 1000).toFixed(0)} s`)
}

async function engine(request: Request & { mode: 'engine' }, signal: AbortSignal): Promise<number> {
  if (PrivateEngine.impossible) throw new Error(`An engine of the harness's own ${PrivateEngine.impossible}.`)
  const started = performance.now()
  const results = await runEngineCases(request.only, signal, progress)
  show(results, started)
  if (request.json) console.log(JSON.stringify({ results }))
  return results.every(passed) ? 0 : 1
}

async function randomly(request: Request & { mode: 'soak' }, signal: AbortSignal): Promise<number> {
  const { seed, hosts, commands, kills, starts, reads, violation } = await soak({ ...request, signal, say })
  if (process.stderr.isTTY) say('')
  console.log(`seed ${seed}: ${hosts} hosts, ${commands} commands, ${kills} kills while something went on`)
  console.log(`${starts} starts again, ${reads} times everything of an app was read and compared`)
  if (violation) {
    console.log(`\nviolation: ${violation.error}`)
    for (const [n, text] of violation.history.entries()) console.log(`  ${n + 1}. ${text}`)
    for (const line of violation.log) console.log(`    log: ${line}`)
    console.log(`\nagain: npm run faults -- --seed ${seed} --path '${violation.path}'`)
  } else console.log('no violation')
  if (request.json) console.log(JSON.stringify({ seed, hosts, commands, kills, starts, reads, violation }))
  return violation ? 1 : 0
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
      case 'soak':
        return await randomly(request, signal)
      case 'engine':
        return await engine(request, signal)
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
