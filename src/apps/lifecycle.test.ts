import { test } from 'node:test'
import fc from 'fast-check'
import { names, type Step, World } from './fake-world.ts'

const app = fc.constantFrom(...names)
const request: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('request'),
  app,
  hold: fc.nat(3),
  leaves: fc.boolean(),
  quiet: fc.boolean(),
})
const move: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('wake', 'freeze', 'sleep', 'restart', 'snapshot', 'rollback'),
  app,
})
const deploy: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('deploy'),
  app,
  fresh: fc.boolean(),
  behaviour: fc.constantFrom('good', 'exits', 'silent'),
})
const remove: fc.Arbitrary<Step> = fc.record({ do: fc.constant('delete'), app })
const sweep: fc.Arbitrary<Step> = fc.oneof(
  // Long enough to be frozen for, and to sleep for.
  fc.record({ do: fc.constant('sweep'), ms: fc.constantFrom(60_000, 600_000) }),
  fc.record({ do: fc.constant('look') }),
)
const crash: fc.Arbitrary<Step> = fc.record({ do: fc.constant('crash') })
const die: fc.Arbitrary<Step> = fc.record({ do: fc.constant('die'), app, told: fc.boolean() })
const vanish: fc.Arbitrary<Step> = fc.record({ do: fc.constant('vanish'), app })
const snapshot: fc.Arbitrary<Step> = fc.record({ do: fc.constant('snapshot'), app })
const trouble: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('trouble'),
  fates: fc.array(fc.constantFrom('ok', 'before', 'after', 'late'), { minLength: 1, maxLength: 12 }),
})

/** Runs rounds of steps, in interleavings of the engine's answers that the seed decides, and checks each. */
function explore(title: string, seed: number, steps: fc.WeightedArbitrary<Step>[]): void {
  const runs = Number(process.env.LIFECYCLE_RUNS ?? 25)
  test(title, { timeout: 120_000 + runs * 1_000 }, async () => {
    const round = fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 6 })
    const property = fc.asyncProperty(
      fc.scheduler(),
      fc.array(round, { minLength: 1, maxLength: 6 }),
      async (scheduler, rounds) => {
        using world = new World(scheduler)
        await world.begin()
        for (const one of rounds) await world.round(one)
        await world.finish()
      },
    )
    await fc.assert(property, {
      seed: Number(process.env.LIFECYCLE_SEED ?? seed),
      numRuns: runs,
      includeErrorInReport: true,
    })
  })
}

const weigh = (weight: number, arbitrary: fc.Arbitrary<Step>) => ({ weight, arbitrary })
const peace = [weigh(6, request), weigh(3, move), weigh(1, sweep), weigh(2, deploy)]

explore(
  'requests, sleeps, restarts and deploys in any interleaving lose no write and fail no request',
  1,
  peace,
)
explore('apps that die and are deleted harm nothing else', 2, [...peace, weigh(2, die), weigh(1, remove)])
explore('a container that somebody removes takes along only what was written since the newest snapshot', 5, [
  ...peace,
  weigh(3, snapshot),
  weigh(2, vanish),
  weigh(1, crash),
])
explore('a host that crashes at any moment loses nothing', 3, [...peace, weigh(1, remove), weigh(2, crash)])
explore('an engine that fails at any call, or does the work and does not say so, loses nothing', 4, [
  ...peace,
  weigh(1, die),
  weigh(1, remove),
  weigh(1, crash),
  weigh(3, trouble),
])
