import fc from 'fast-check'
import { names, type Plan, plan } from './commands.ts'
import { FaultyHost } from './faulty-host.ts'
import { InstanceWatch } from './instance-watch.ts'
import { Violation } from './play.ts'
import { SoakRun, type Tally } from './soak-run.ts'
import { WarmLayers } from './warm-layers.ts'

/** Plans of one host; then another one begins with nothing. */
const plansEach = 60

const env = { DORMICE_COMPACT_DEPTH: '3', DORMICE_COPY_AFTER: '2s' }

export type SoakOptions = {
  seed: number
  minutes: number
  /** Where a failure was found, as it was printed then. */
  path: string | undefined
  signal: AbortSignal
  say(line: string): void
}

export type SoakResult = Tally & {
  seed: number
  hosts: number
  /** Undefined: nothing was wrong. */
  violation?: { error: string; path: string; history: string[]; log: string[] }
}

/** What is known is kept by the run. */
type Model = object

class Command implements fc.AsyncCommand<Model, SoakRun> {
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** Whether it makes sense is for the run to say, which alone knows what there is. */
  check(): boolean {
    return true
  }

  run(_: Model, run: SoakRun): Promise<void> {
    return run.follow(this.#plan)
  }

  toString(): string {
    return JSON.stringify(this.#plan)
  }
}

/**
 * Random commands against one host after the other until the time is over. A failure is made smaller for as long as
 * there is time left.
 */
export async function soak({ seed, minutes, path, signal, say }: SoakOptions): Promise<SoakResult> {
  const tally: Tally = { commands: 0, kills: 0, starts: 0, reads: 0 }
  const over = new AbortController()
  const stop = AbortSignal.any([signal, over.signal])
  let hosts = 0
  let last: { history: string[]; log: string[] } | undefined
  let running: Promise<void> = Promise.resolve()

  await using warm = new WarmLayers()
  const one = async (commands: Iterable<fc.AsyncCommand<Model, SoakRun>>) => {
    await using host = new FaultyHost(env)
    const run = new SoakRun(host, tally)
    hosts++
    try {
      await warm.give(host)
      await host.boot()
      using watch = await InstanceWatch.begin(host.engine)
      for (const app of names.slice(0, 2)) {
        await run.follow({ what: 'calm', wish: { do: 'deploy', app, version: 1, fresh: false } })
      }
      const guarded = [...commands].map(command => guard(command, stop))
      await fc.asyncModelRun(() => ({ model: {}, real: run }), guarded)
      await run.finish()
      if (watch.doubles.length > 0) throw new Violation('leaked', watch.doubles)
    } catch (error) {
      if (stop.aborted) return
      last = { history: [...run.history], log: host.log.slice(-40) }
      say(`${error instanceof Error ? error.message : error}`)
      throw error
    }
    say(`${hosts} hosts, ${tally.commands} commands, ${tally.kills} kills while something went on`)
  }

  const [at, replayPath] = path?.split(';') ?? []
  const commands = fc.commands([plan.map(each => new Command(each))], {
    maxCommands: plansEach,
    size: 'max',
    ...(replayPath && { replayPath }),
  })
  const property = fc.asyncProperty(commands, each => {
    running = one(each)
    return running
  })
  const timer = setTimeout(() => over.abort(), minutes * 60_000)
  const details = await fc
    .check(property, {
      seed,
      ...(at && { path: at }),
      numRuns: 1_000_000,
      interruptAfterTimeLimit: minutes * 60_000,
      markInterruptAsFailure: false,
    })
    .finally(() => clearTimeout(timer))
  over.abort()
  await running.catch(() => undefined)
  signal.throwIfAborted()
  const result = { seed, hosts, ...tally }
  if (!details.failed || !last) return result
  const replay = /replayPath="([^"]*)"/.exec(String(details.counterexample?.[0]))?.[1]
  return {
    ...result,
    violation: {
      error: String((details.errorInstance as Error | undefined)?.message ?? details.errorInstance),
      path: [details.counterexamplePath, replay].filter(Boolean).join(';'),
      ...last,
    },
  }
}

/** Once time is over, or Ctrl-C was pressed, no further command begins. */
function guard(command: fc.AsyncCommand<Model, SoakRun>, stop: AbortSignal): fc.AsyncCommand<Model, SoakRun> {
  return {
    check: () => true,
    run: async (model, real) => {
      stop.throwIfAborted()
      await command.run(model, real)
    },
    toString: () => command.toString(),
  }
}
