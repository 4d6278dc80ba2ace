import { messageOf } from '../src/problem.ts'
import { readArguments, UsageError } from './arguments.ts'
import type { Bench } from './bench.ts'
import { Interrupted, interruptSignal } from './interrupt.ts'
import { describeMachine, thisMachine } from './machine.ts'
import { report } from './report.ts'
import { renderTable } from './table.ts'

/** Every benchmark there is, loaded when it is asked for. */
const benches: Record<string, { about: string; load(): Promise<Bench> }> = {
  wake: {
    about: 'asleep → first byte, beside raw create + start of the same image',
    load: async () => (await import('./wake.ts')).benchWake,
  },
  density: {
    about: 'how many apps are awake or frozen in 1 GiB; a thousand deployed in it, under load',
    load: async () => (await import('./density.ts')).benchDensity,
  },
  edge: {
    about: 'requests/s and CPU per request of the edge, beside nginx, HAProxy, Caddy, Hono',
    load: async () => (await import('./edge.ts')).benchEdge,
  },
  eviction: {
    about: 'who yields when memory is short: a day of 1,000 apps in virtual time, weighed beside lru',
    load: async () => (await import('./eviction.ts')).benchEviction,
  },
  sleep: {
    about:
      'last answer → no container, beside raw stop + commit + remove; depth, disk and wake time of an app by age',
    load: async () => (await import('./sleep.ts')).benchSleep,
  },
}

function usage(): string {
  const known = Object.entries(benches).map(([name, { about }]) => `  ${name.padEnd(8)} ${about}`)
  return [
    `usage: npm run bench -- ${Object.keys(benches).join('|')} [--json] [--quick]`,
    ...known,
    '  --json   one JSON object as the last line',
    '  --quick  ends within 60 s, with fewer samples',
    '',
    'wake and density, run as root, switch on a swap file while they run, which the whole machine swaps to.',
  ].join('\n')
}

/** Progress on standard error, so that standard output is the result; in place where that is a terminal. */
function say(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `… ${line}\n`)
}

/** Resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const request = readArguments(args, Object.keys(benches))
  if (request === undefined) {
    console.log(usage())
    return 0
  }
  const signal = interruptSignal()
  try {
    const machine = thisMachine()
    const run = await benches[request.bench]!.load()
    const findings = await run({ quick: request.quick, signal, say })
    if (process.stderr.isTTY) say('')
    console.log([describeMachine(machine), '', ...renderTable(findings.rows), ''].join('\n'))
    for (const [name, value] of Object.entries(findings.ratios)) console.log(`${name} = ${value}`)
    console.log(['', ...findings.notes].join('\n'))
    if (request.json) console.log(JSON.stringify(report(request.bench, machine, findings)))
    return 0
  } catch (error) {
    // What fails after Ctrl-C fails because of it: it reached the children as well.
    if (!signal.aborted) throw error
    throw new Interrupted('interrupted', { cause: error })
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${usage()}`)
  else console.error(messageOf(error))
  process.exitCode = error instanceof UsageError ? 2 : error instanceof Interrupted ? 130 : 1
}
