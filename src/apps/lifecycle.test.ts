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
/** Up to a fifth more than their limits, which is more than the budget of all together. */
const bytes = fc.nat(120).map(mib => mib * 1024 ** 2)
const weigh: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('weigh'),
  bytes: fc.record({ a: bytes, b: bytes, c: bytes }),
  looks: fc.integer({ min: 1, max: 4 }),
})
/** The machine is short of memory. */
const press: fc.Arbitrary<Step> = fc.record({ do: fc.constant('press') })
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

const often = (weight: number, arbitrary: fc.Arbitrary<Step>) => ({ weight, arbitrary })
const peace = [often(6, request), often(3, move), often(1, sweep), often(2, deploy)]

explore(
  'requests, sleeps, restarts and deploys in any interleaving lose no write and fail no request',
  1,
  peace,
)
explore('apps that die and are deleted harm nothing else', 2, [...peace, often(2, die), often(1, remove)])
explore('a container that somebody removes takes along only what was written since the newest snapshot', 5, [
  ...peace,
  often(3, snapshot),
  often(2, vanish),
  often(1, crash),
])
explore('a host that crashes at any moment loses nothing', 3, [...peace, often(1, remove), often(2, crash)])
explore('an engine that fails at any call, or does the work and does not say so, loses nothing', 4, [
  ...peace,
  often(1, die),
  often(1, remove),
  often(1, crash),
  often(3, trouble),
])
explore('apps whose memory grows and shrinks have, once nobody uses them, no more than the budget', 6, [
  ...peace,
  often(3, weigh),
  often(1, press),
  often(1, die),
  often(1, crash),
])
explore('memory that is looked at while the engine fails is charged aright once it works again', 7, [
  ...peace,
  often(2, weigh),
  often(1, vanish),
  often(2, trouble),
])
