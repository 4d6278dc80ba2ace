import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Interrupted, interruptSignal } from '../../bench/interrupt.ts'
import { packageRoot } from '../../src/paths.ts'
import { messageOf } from '../../src/problem.ts'
import { SoakApps } from './apps.ts'
import type { Ask, Message, Sample } from './sample.ts'
import { secureVisits } from './secure-visits.ts'
import { headLine, renderFared, renderTrends, sampleLine } from './table.ts'
import { Traffic } from './traffic.ts'
import { leftovers, rule, trends } from './verdict.ts'
import { type Visit, visits } from './visits.ts'

const usage = `usage: npm run soak [-- options]
  good and hostile visitors of an edge in a process of its own, whose memory, handles and sockets are sampled; ends
  with 1 when one of them grows, a visit is not answered as it should be, or something is left at rest
  --minutes <m>  how long; 30
  --only <text>  visits whose name holds this
  --json         one JSON object as the last line`

/** Samples there are in the end, at least; and the longest time between two, ms. */
const fewest = 30
const longest = 5_000
/** How long it takes at most, ms, until nothing is left once all visitors have gone. */
const calm = 15_000

type Request = { minutes: number; json: boolean; chosen: readonly Visit[] }

/** Wrong usage: its message says what is accepted. */
class UsageError extends Error {}

/** The edge in a process of its own. */
class EdgeProcess implements Disposable {
  readonly #child
  /** Rejects when it ends by itself. */
  readonly #failed: Promise<never>
  port = 0
  tlsPort = 0
  /** How many lines it logged. */
  lines = 0

  constructor(ports: Record<string, number>) {
    const failed = Promise.withResolvers<never>()
    this.#failed = failed.promise
    // Told to whoever asks for something next.
    this.#failed.catch(() => {})
    this.#child = fork(join(packageRoot, 'test/soak/edge-process.ts'), [JSON.stringify(ports)], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (message: Message) => {
      if ('line' in message) this.lines++
    })
    this.#child.once('exit', (code, signal) =>
      failed.reject(new Error(`the edge ended with ${signal ?? code}`)),
    )
    this.#child.once('error', failed.reject)
  }

  async started(): Promise<void> {
    const { port, tlsPort } = await this.#told('port')
    this.port = port
    this.tlsPort = tlsPort
  }

  async sample(at: number): Promise<Sample> {
    const ask: Ask = { ask: 'sample' }
    this.#child.send(ask)
    const { sample } = await this.#told('sample')
    return { at, ...sample, files: readdirSync(`/proc/${this.#child.pid}/fd`).length }
  }

  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  /** The next message of a kind. */
  #told<K extends 'port' | 'sample'>(kind: K): Promise<Extract<Message, Record<K, unknown>>> {
    const told = new Promise<Extract<Message, Record<K, unknown>>>(resolve => {
      const look = (message: Message) => {
        if (!(kind in message)) return
        this.#child.off('message', look)
        resolve(message as Extract<Message, Record<K, unknown>>)
      }
      this.#child.on('message', look)
    })
    return Promise.race([told, this.#failed])
  }
}

/** Resolves with the exit code. */
async function soak({ minutes, json, chosen }: Request, signal: AbortSignal): Promise<number> {
  using apps = new SoakApps()
  await apps.start()
  using edge = new EdgeProcess(apps.ports)
  await edge.started()
  const duration = minutes * 60_000
  const pause = Math.min(longest, duration / fewest)
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const traffic = new Traffic(edge, chosen)
  const samples: Sample[] = []
  console.log(headLine())
  try {
    while (performance.now() - began < duration) {
      await sleep(pause, undefined, { signal })
      const sample = await edge.sample(seconds())
      samples.push(sample)
      console.log(sampleLine(sample))
    }
  } finally {
    await traffic.end()
  }
  let rest = await edge.sample(seconds())
  for (const until = performance.now() + calm; leftovers(rest).length > 0 && performance.now() < until; ) {
    await sleep(500, undefined, { signal })
    rest = await edge.sample(seconds())
  }
  console.log(`${sampleLine(rest)}  at rest`)
  const found = trends(samples)
  const left = leftovers(rest)
  const failed = traffic.fared.filter(fared => fared.failed.length > 0)
  for (const line of ['', ...renderFared(traffic.fared), '', ...renderTrends(found)]) console.log(line)
  console.log(`${edge.lines} lines of log\n${rule}`)
  if (left.length > 0) console.log(`left at rest: ${left.join(', ')}`)
  const passed = found.every(({ flat }) => flat) && left.length === 0 && failed.length === 0
  console.log(passed ? 'flat' : 'not as it should be')
  if (json)
    console.log(
      JSON.stringify({ minutes, passed, trends: found, left, visits: traffic.fared, samples, rest }),
    )
  return passed ? 0 : 1
}

/** @throws {UsageError} */
function readArguments(args: readonly string[]) {
  let values: { minutes: string; only: string; json: boolean; help: boolean }
  try {
    values = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '30' },
        only: { type: 'string', default: '' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(messageOf(error).split('. ')[0])
  }
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) throw new UsageError(`--minutes ${values.minutes}: accepted: a number above 0`)
  const chosen = [...visits, ...secureVisits].filter(({ name }) => name.includes(values.only))
  if (chosen.length === 0) throw new UsageError(`--only ${values.only}: no visit is called so`)
  return { ...values, minutes, chosen }
}

try {
  const request = readArguments(process.argv.slice(2))
  if (request.help) console.log(usage)
  else process.exitCode = await soak(request, interruptSignal())
} catch (error) {
  if (error instanceof UsageError) console.error(`${error.message}\n\n${usage}`)
  else console.error(isInterrupt(error) ? 'interrupted' : error)
  process.exitCode = error instanceof UsageError ? 2 : isInterrupt(error) ? 130 : 1
}

function isInterrupt(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.cause instanceof Interrupted)
}
