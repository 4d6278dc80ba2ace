import fc from 'fast-check'
import { type Step, steps } from '../src/apps/steps.ts'
import type { Change } from './ledger.ts'
import type { Operation } from './operations.ts'
import * as op from './operations.ts'
import type { World } from './world.ts'

/** The apps of a soak; more would only meet each other less often. */
export const names = ['ant', 'bee', 'cat'] as const
export type Name = (typeof names)[number]

/** Something to be asked of the host, chosen before it is known what there is. */
export type Wish =
  | { do: 'change'; app: Name; change: Change }
  | { do: 'read' | 'sleep' | 'wake' | 'restart' | 'snapshot' | 'delete'; app: Name }
  | { do: 'deploy'; app: Name; version: number; fresh: boolean }
  | { do: 'rollback'; app: Name; to: 'snapshot' | 'release'; pick: number }
  | { do: 'fork'; app: Name; into: Name; pick: number | null }
  | { do: 'copy'; app: Name; into: Name }

/** How the host, or an app's container, comes to its end while something goes on. */
export type Blow =
  /** one of the steps that the wish leads through, if it gets there */
  | { by: 'step'; pick: number; nth: number }
  /** ms after the wish was asked for */
  | { by: 'time'; after: number }

export type Plan =
  | { what: 'calm'; wish: Wish }
  /** A request reads everything while the wish is being done: it has to be answered. */
  | { what: 'read meanwhile'; wish: Wish; after: number }
  | { what: 'killed'; wish: Wish; blow: Blow }
  /** Two apps at once. */
  | { what: 'two killed'; wish: Wish; other: Wish; blow: Blow }
  | { what: 'kill' }
  | { what: 'shut down' }
  | { what: 'remove container'; app: Name }

/** Snapshots that are old enough are taken by retention at any time; these are not. */
const safeSnapshots = 8
const safeReleases = 8

/** The operation that a wish comes to in a world; undefined: it makes no sense there. */
export function operationOf(wish: Wish, world: World): Operation | undefined {
  const app = world[wish.app]
  if (wish.do === 'deploy') return op.deploy(wish.app, wish.version, { fresh: wish.fresh })
  if (!app) return undefined
  switch (wish.do) {
    case 'change': {
      const { change } = wish
      if (change.do === 'link' && !(`data/files/${change.to}` in app.disk && change.to !== change.name))
        return undefined
      return op.change(wish.app, change)
    }
    case 'read':
      return op.read(wish.app)
    case 'sleep':
    case 'wake':
    case 'restart':
      return op.move(wish.app, wish.do)
    case 'snapshot':
      return op.snapshot(wish.app)
    case 'delete':
      return op.remove(wish.app)
    case 'rollback': {
      const numbers = Object.keys(wish.to === 'snapshot' ? app.snapshots : app.uploads).map(Number)
      const safe = numbers.slice(-(wish.to === 'snapshot' ? safeSnapshots : safeReleases))
      const number = safe[wish.pick % safe.length]
      if (number === undefined) return undefined
      return op.rollback(wish.app, wish.to === 'snapshot' ? { snapshot: number } : { release: number })
    }
    case 'fork': {
      if (wish.into in world) return undefined
      const safe = Object.keys(app.snapshots).map(Number).slice(-safeSnapshots)
      return op.fork(wish.app, wish.into, wish.pick === null ? undefined : safe[wish.pick % safe.length])
    }
    case 'copy':
      return wish.into in world ? undefined : op.copy(wish.app, wish.into)
  }
}

/** Groups of steps that each wish may lead through, itself or in the background. */
const groups: Record<Wish['do'], readonly string[]> = {
  change: ['wake', 'restore'],
  read: ['wake', 'restore'],
  wake: ['wake', 'restore'],
  sleep: ['sleep', 'compaction', 'copy', 'retention'],
  restart: ['sleep', 'wake'],
  snapshot: ['snapshot', 'sleep'],
  delete: ['delete'],
  deploy: ['deploy', 'sleep', 'wake'],
  rollback: ['rollback', 'sleep', 'wake'],
  fork: ['fork', 'snapshot'],
  copy: ['import', 'snapshot'],
}

/** The step that a blow by step means for a wish. */
export function stepOf(wish: Wish, pick: number): Step {
  const ways = steps.filter(step => groups[wish.do].includes(step.split('.')[0] ?? ''))
  return ways[pick % ways.length] ?? 'wake.started'
}

const app = fc.constantFrom(...names)
const text = fc.string({ unit: 'binary-ascii', maxLength: 40 })
const file = fc.constantFrom('x', 'y', 'z')

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant('append' as const), text }),
  fc.record({ do: fc.constant('page' as const), page: fc.nat(3), text }),
  fc.record({
    do: fc.constant('put' as const),
    name: file,
    text,
    mode: fc.constantFrom(0o600, 0o644, 0o755),
  }),
  fc.record({ do: fc.constant('link' as const), name: fc.constantFrom('linked', 'x'), to: file }),
  fc.record({ do: fc.constant('symlink' as const), name: fc.constantFrom('led', 'y'), to: file }),
  fc.record({ do: fc.constant('remove' as const), name: fc.constantFrom('x', 'y', 'z', 'linked', 'led') }),
  fc.record({ do: fc.constant('box' as const), texts: fc.dictionary(file, text, { maxKeys: 3 }) }),
  // Not what an upload has: then it would not be told apart whose file it is.
  fc.record({ do: fc.constant('own' as const), text: text.map(own => `own ${own}`) }),
)

const plain = (what: 'read' | 'sleep' | 'wake' | 'restart' | 'snapshot' | 'delete') =>
  fc.record({ do: fc.constant(what), app })

const wish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 14, arbitrary: fc.record({ do: fc.constant('change' as const), app, change }) },
  { weight: 2, arbitrary: plain('read') },
  { weight: 8, arbitrary: plain('sleep') },
  { weight: 2, arbitrary: plain('wake') },
  { weight: 3, arbitrary: plain('restart') },
  { weight: 4, arbitrary: plain('snapshot') },
  { weight: 1, arbitrary: plain('delete') },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('deploy' as const),
      app,
      version: fc.integer({ min: 1, max: 5 }),
      fresh: fc.oneof(
        { weight: 5, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('rollback' as const),
      app,
      to: fc.constantFrom('snapshot' as const, 'snapshot' as const, 'release' as const),
      pick: fc.nat(20),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fork' as const),
      app,
      into: app,
      pick: fc.option(fc.nat(20)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('copy' as const), app, into: app }) },
)

const blow: fc.Arbitrary<Blow> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      by: fc.constant('step' as const),
      pick: fc.nat(100),
      nth: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ by: fc.constant('time' as const), after: fc.nat(1_500) }) },
)

/** What a soak does next. */
export const plan: fc.Arbitrary<Plan> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ what: fc.constant('calm' as const), wish }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('read meanwhile' as const), wish, after: fc.nat(800) }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('killed' as const), wish, blow }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('two killed' as const), wish, other: wish, blow }) },
  { weight: 1, arbitrary: fc.constant({ what: 'kill' as const }) },
  { weight: 1, arbitrary: fc.constant({ what: 'shut down' as const }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('remove container' as const), app }) },
)
