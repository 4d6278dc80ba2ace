import { setTimeout as sleep } from 'node:timers/promises'
import type { Step } from '../src/apps/steps.ts'
import { PrivateEngine } from '../test/support/private-engine.ts'
import type { Case } from './cases.ts'
import { FaultyHost, within } from './faulty-host.ts'
import { attempt, exercise, rehearse, settle, tidy, Violation } from './play.ts'
import { type CaseOptions, emptyResult, note, type Result } from './run-case.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import { WarmLayers } from './warm-layers.ts'

/** At each of them the engine is killed once: in each operation where the engine is about to be needed, or just was. */
const fatal: readonly Step[] = [
  'wake.admitted',
  'wake.started',
  'sleep.drained',
  'sleep.stopped',
  'sleep.committed',
  'sleep.recorded',
  'snapshot.begun',
  'snapshot.committed',
  'deploy.received',
  'deploy.built',
  'carry.committed',
  'carry.assembled',
  'deploy.asleep',
  'deploy.carried',
  'deploy.started',
  'rollback.asleep',
  'rollback.assembled',
  'rollback.started',
  'fork.begun',
  'fork.release',
  'compaction.copied',
  'compaction.merged',
  'compaction.assembled',
  'compaction.recorded',
  'copy.layers',
  'restore.assembled',
  'retention.forgotten',
  'delete.marked',
  'delete.stopped',
  'import.begun',
  'import.assembled',
]

/** How long the engine stays away, ms. */
const away = 300
/** How long an app may be held back once the engine is there again, ms. */
const held = 40_000
/** How long the way to a step may take, ms. */
const patience = 120_000

/** Kills an engine of its own at steps that begin with `only`, each time while the host stands still there. */
export async function runEngineCases(
  only: string,
  signal: AbortSignal,
  report: (result: Result, left: number) => void,
): Promise<Result[]> {
  const cases = fatal
    .filter(step => step.startsWith(only))
    .map(step => ({ step, scenario: scenarioFor(step) }))
  const results: Result[] = []
  await using engine = await PrivateEngine.start()
  await using warm = new WarmLayers()
  for (const [n, each] of cases.entries()) {
    signal.throwIfAborted()
    const result = await runOne(engine, each, { signal, warm })
    results.push(result)
    report(result, cases.length - n - 1)
  }
  return results
}

/** The longest operation that goes through the step, if there is one that is named after it. */
function scenarioFor(step: Step): Scenario {
  const through = scenarios
    .filter(one => one.steps.includes(step))
    .sort((a, b) => b.steps.length - a.steps.length)
  const [group] = step.split('.')
  const scenario = through.find(one => one.commits.startsWith(`${group}.`)) ?? through[0]
  if (!scenario) throw new Error(`no scenario goes through ${step}`)
  return scenario
}

async function runOne(
  engine: PrivateEngine,
  { step, scenario }: Case,
  { signal, warm }: CaseOptions,
): Promise<Result> {
  const result = emptyResult(step, `${scenario.name}; the engine is killed`)
  await using host = new FaultyHost(scenario.env, engine.address)
  try {
    if (scenario.warm) await warm.give(host)
    await host.boot()
    const before = await rehearse(host, {}, scenario.prepare)
    await host.order({ step, nth: 1, action: 'hold' })
    const asked = attempt(host, scenario.act)
    // Whatever becomes of it is looked at below.
    asked.catch(() => undefined)
    await within(patience, `the host to reach ${step}`, host.held)
    result.reached = true
    await engine.kill()
    host.goOn()
    await sleep(away)
    await engine.start()
    const started = performance.now()
    const outcome = await within(patience, `an answer to "${scenario.act.name}"`, asked)
    if (outcome === 'died') throw new Violation('stuck', ['the host died of it'])
    const done = scenario.act.done(before)
    const possible = outcome.status < 300 ? [done] : [before, done]
    let { world, view } = await settle(host, before, possible, { held })
    result.ms = performance.now() - started
    result.end = Object.entries(view)
      .map(([name, seen]) => `${name} ${seen?.state ?? 'gone'}`)
      .join(', ')
    result.end += `; ${outcome.status}`
    // What could not be removed while the engine was away, the next start removes at the latest.
    await host.kill('SIGKILL')
    await host.boot()
    world = (await settle(host, world, [world])).world
    await tidy(host)
    for (const name of Object.keys(world)) world = await exercise(host, world, name, scenario.depth ?? 1)
    await tidy(host)
  } catch (error) {
    if (signal.aborted) throw error
    note(result, error)
    result.log = host.log.slice(-40)
  }
  return result
}
