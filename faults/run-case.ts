import type { Step } from '../src/apps/steps.ts'
import { messageOf } from '../src/problem.ts'
import type { Case } from './cases.ts'
import { FaultyHost } from './faulty-host.ts'
import { Refused, Stuck } from './inspection.ts'
import { InstanceWatch } from './instance-watch.ts'
import { attempt, exercise, rehearse, settle, tidy, untilDead, Violation } from './play.ts'
import type { Scenario } from './scenarios.ts'
import type { WarmLayers } from './warm-layers.ts'
import type { World } from './world.ts'

/** How long the host may go on after the answer until it reaches a step in the background, ms. */
const background = 60_000

/** What came of one case. */
export type Result = {
  step: Step
  scenario: string
  /** The step of the recovery at which the host was killed a second time. */
  again?: Step
  /** How the apps came to rest, and whether what was cut short is done. */
  end: string
  lost: string[]
  leaked: string[]
  stuck: string[]
  /** Whether the host died where it was to die. */
  reached: boolean
  /** From the last start of the host until everything was read back, ms. */
  ms: number
  /** Steps that the first recovery went through before the host listened. */
  recovery: Step[]
  /** The last lines of the hosts' log, where something is wrong. */
  log: string[]
}

export type CaseOptions = { signal: AbortSignal; warm: WarmLayers }

/** The result of a case that has not begun. */
export function emptyResult(step: Step, scenario: string, again?: Step): Result {
  const wrong = { lost: [], leaked: [], stuck: [] }
  return {
    step,
    scenario,
    ...(again && { again }),
    end: '',
    ...wrong,
    reached: false,
    ms: 0,
    recovery: [],
    log: [],
  }
}

/** Kills a host as the case says, starts it again and looks whether anything is lost, left or stuck. */
export async function runCase(
  { step, scenario, again }: Case,
  { signal, warm }: CaseOptions,
): Promise<Result> {
  const result = emptyResult(step, scenario.name, again)
  await using host = new FaultyHost(scenario.env)
  try {
    if (scenario.warm) await warm.give(host)
    await host.boot()
    using watch = await InstanceWatch.begin(host.engine)
    const before = await rehearse(host, {}, scenario.prepare)
    signal.throwIfAborted()
    await host.order({ step, nth: 1, action: 'kill' })
    const outcome = await attempt(host, scenario.act)
    result.reached = (outcome === 'died' || (await untilDead(host, background))) && host.steps.at(-1) === step
    if (!result.reached) {
      const how =
        outcome === 'died' ? 'it died' : `it was answered ${outcome.status} ${outcome.body.slice(0, 300)}`
      throw new Stuck(`the step was not reached: ${how}; reached were ${host.steps.slice(-12).join(', ')}`)
    }
    await recover(host, result, before, scenario, again)
    if (watch.doubles.length > 0) throw new Violation('leaked', watch.doubles)
  } catch (error) {
    if (signal.aborted) throw error
    note(result, error)
    result.log = host.log.slice(-40)
  }
  return result
}

async function recover(
  host: FaultyHost,
  result: Result,
  before: World,
  scenario: Scenario,
  again: Step | undefined,
): Promise<void> {
  if (again) {
    const up = await host.boot({ step: again, nth: 1, action: 'kill' })
    result.reached = !up || (await untilDead(host, background))
    if (!result.reached) throw new Stuck(`the recovery did not reach ${again}, only ${host.steps.join(', ')}`)
  }
  const started = performance.now()
  await host.boot()
  result.recovery = [...host.steps]
  const done = scenario.steps.indexOf(result.step) >= scenario.steps.indexOf(scenario.commits)
  const { world, view } = await settle(host, before, [done ? scenario.act.done(before) : before])
  result.ms = performance.now() - started
  const { app } = scenario.act
  const state = view[app]?.state
  if (scenario.rests !== undefined && state !== scenario.rests)
    throw new Violation('stuck', [`${app} is ${state}, not ${scenario.rests}`])
  const states = Object.entries(view).map(([name, seen]) => `${name} ${seen?.state ?? 'gone'}`)
  result.end = `${states.join(', ')}; ${done ? 'done' : 'not begun'}`
  await tidy(host)
  let now = world
  for (const name of Object.keys(world)) now = await exercise(host, now, name, scenario.depth ?? 1)
  await tidy(host)
}

/** Writes down what went wrong. */
export function note(result: Result, error: unknown): void {
  if (error instanceof Violation) result[error.kind].push(...error.lines)
  else result.stuck.push(error instanceof Stuck || error instanceof Refused ? error.message : describe(error))
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? messageOf(error)) : String(error)
}
