import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, type FaultyHost, HostDied } from './faulty-host.ts'
import { inspect, type Seen } from './inspection.ts'
import { change, move, type Operation, rollback } from './operations.ts'
import { recognise, type View, withSeenSnapshots } from './verdict.ts'
import { type World, withUnknownSaves } from './world.ts'

/** Something that must never be, in one line or more. */
export class Violation extends Error {
  override name = 'Violation'
  readonly kind: 'lost' | 'leaked' | 'stuck'
  readonly lines: readonly string[]

  constructor(kind: Violation['kind'], lines: readonly string[]) {
    super(`${kind}: ${lines.join('; ')}`)
    this.kind = kind
    this.lines = lines
  }
}

/** How long what a crash left may stay on the engine once the host is back, ms: clearing up goes on in the background. */
const tidyWithin = 30_000

/** Answer of an operation; `died`: the host was killed before it gave one. */
export type Outcome = Answer | 'died'

export async function attempt(host: FaultyHost, operation: Operation): Promise<Outcome> {
  try {
    return await operation.ask(host)
  } catch (error) {
    if (error instanceof HostDied) return 'died'
    throw error
  }
}

/** Does an operation on a host that nothing happens to; gives back the world after it. @throws {Violation} */
export async function perform(host: FaultyHost, world: World, operation: Operation): Promise<World> {
  const answer = await attempt(host, operation)
  if (answer === 'died')
    throw new Error(`the host died of "${operation.name}":\n${host.log.slice(-10).join('\n')}`)
  if (answer.status >= 300) {
    if (operation.mayRefuse?.includes(answer.code ?? '')) return withUnknownSaves(world, world)
    throw new Violation('stuck', [
      `"${operation.name}" was answered ${answer.status} ${answer.body.slice(0, 400)}`,
    ])
  }
  return operation.done(world)
}

/** Does operations one after the other, and notes which snapshots each of them made. */
export async function rehearse(
  host: FaultyHost,
  world: World,
  operations: readonly Operation[],
): Promise<World> {
  let now = world
  for (const operation of operations) {
    const next = await perform(host, now, operation)
    now = withSeenSnapshots(await listSnapshots(host, next), now, next)
  }
  return now
}

/** Like a {@link look}, without a look into the apps, which would wake them. */
export async function listSnapshots(host: FaultyHost, world: World): Promise<View> {
  const entries = Object.entries(world).map(async ([name, { disk, release }]) => {
    const { json } = await host.api('GET', `/v1/apps/${name}/snapshots`)
    return [name, { state: '', release, disk, releases: [], snapshots: json.snapshots }] as [string, Seen]
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** Looks at and into all apps that may be there. */
export async function look(host: FaultyHost, names: Iterable<string>, held = 0): Promise<View> {
  const entries = [...names].map(async name => [name, await inspect(host, name, held)] as const)
  return Object.fromEntries(await Promise.all(entries))
}

/**
 * Finds out which of the worlds there is after the operation was cut short: none of it done, or all. Gives back that
 * world with the snapshots that are there.
 *
 * @throws {Violation} when it is none of them
 */
export async function settle(
  host: FaultyHost,
  before: World,
  candidates: readonly World[],
  { held = 0, only }: { held?: number; only?: string | undefined } = {},
): Promise<{ world: World; view: View }> {
  const names = only ? [only] : new Set([before, ...candidates].flatMap(world => Object.keys(world)))
  const view = await look(host, names, held)
  const { world, complaints } = recognise(view, candidates)
  if (complaints.length > 0) throw new Violation('lost', complaints)
  return { world: withSeenSnapshots(view, before, world), view }
}

/** Waits until nothing on the engine is nobody's. @throws {Violation} */
export async function tidy(host: FaultyHost): Promise<void> {
  const deadline = performance.now() + tidyWithin
  for (;;) {
    const leaks = await host.engine.leaks()
    if (leaks.length === 0) break
    if (performance.now() > deadline) throw new Violation('leaked', leaks)
    await sleep(100)
  }
  const missing = await host.engine.missing()
  if (missing.length > 0)
    throw new Violation(
      'lost',
      missing.map(image => `the image ${image} is nowhere`),
    )
}

/**
 * Looks whether an app is as good as any: it takes a change, sleeps, and has everything when it wakes; and whether
 * the newest snapshots, each gone back to, hold what the app had at that time, and the way back does.
 *
 * @param depth how many snapshots are gone back to
 */
export async function exercise(host: FaultyHost, world: World, name: string, depth: number): Promise<World> {
  const changes = [change(name, { do: 'append', text: 'after all\n' }), move(name, 'sleep')]
  let now = await rehearse(host, world, changes)
  now = (await settle(host, now, [now])).world
  const newest = Object.keys(now[name]?.snapshots ?? {})
    .map(Number)
    .sort((a, b) => b - a)
  const [current, ...earlier] = newest
  if (current === undefined)
    throw new Violation('lost', [`${name} slept after a change, and has no snapshot`])
  for (const number of earlier.slice(0, depth)) {
    for (const to of [number, current]) {
      now = await rehearse(host, now, [rollback(name, { snapshot: to })])
      now = (await settle(host, now, [now])).world
    }
  }
  return now
}

/** Waits until the operation, or what goes on in the background after it, brings the host to its ordered end. */
export async function untilDead(host: FaultyHost, ms: number): Promise<boolean> {
  await Promise.race([host.ended, sleep(ms, undefined, { ref: false })])
  return !host.runs
}
