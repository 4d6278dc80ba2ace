import type { Step } from '../src/apps/steps.ts'
import { until } from './inspection.ts'
import type { Change } from './ledger.ts'
import type { Operation } from './operations.ts'
import * as op from './operations.ts'

/** A way that leads through some of the steps. */
export type Scenario = {
  name: string
  /** Each of them is reached by the act, in this order; at each the host is killed once. */
  steps: readonly Step[]
  /** From this one of them on the act counts as done, before it as not begun. */
  commits: Step
  /** What was done before. */
  prepare: readonly Operation[]
  /** What the host dies of. */
  act: Operation
  /** `DORMICE_…` variables of the host. */
  env?: Record<string, string>
  /** The host begins with the runtime's layers in its data folder, as one does that has run for a while. */
  warm?: true
  /** How many earlier snapshots are gone back to in the end. */
  depth?: number
  /** The state that the app has to be in after the recovery, before anybody asks for it; any will do if not given. */
  rests?: string
}

const app = 'ledger'

/** Changes of every kind there is; no two runs of it write the same. */
function writes(mark: string): Operation[] {
  const changes: Change[] = [
    { do: 'append', text: `appended ${mark}\n` },
    { do: 'page', page: mark.length % 4, text: `page ${mark}` },
    { do: 'put', name: `of-${mark}`, text: `put ${mark} ${'\u00ff\u0000'.repeat(8)}`, mode: 0o600 },
    { do: 'put', name: 'shared', text: `shared ${mark}`, mode: 0o644 },
    { do: 'put', name: 'passing', text: `soon removed ${mark}`, mode: 0o644 },
    { do: 'link', name: `link-${mark}`, to: `of-${mark}` },
    { do: 'symlink', name: 'newest', to: `of-${mark}` },
    { do: 'box', texts: { [`in-${mark}`]: `boxed ${mark}`, always: `boxed ${mark}` } },
    { do: 'own', text: `the app's own page ${mark}` },
  ]
  return changes.map(change => op.change(app, change))
}

/** More than the half of the smallest budget. */
const bulk = (mark: string) =>
  op.change(app, { do: 'put', name: 'bulk', text: mark.repeat(200_000), mode: 0o644 })
const removal = op.change(app, { do: 'remove', name: 'passing' })
const sleep = op.move(app, 'sleep')
const first = [op.deploy(app, 1), ...writes('one')]
/** Asleep on its first snapshot. */
const slept = [...first, sleep]
/** Awake, and has changed what its first snapshot holds. */
const goneOn = [...slept, ...writes('two'), removal]

/** Waits for the copies in the data folder, then takes the app's images away as `docker image prune -a` does. */
const prune: Operation = {
  name: `${app}: prune its images`,
  app,
  async ask(host) {
    const { releases, snapshots } = host.engine.named()
    const named = [...releases, ...snapshots]
    await until(
      'the copies of the images',
      async () => named.filter(image => !host.engine.copied().includes(image)),
      left => left.length === 0,
    )
    for (const image of named) await host.engine.docker.getImage(image).remove({ force: true })
    return { status: 200, body: '', json: undefined, code: undefined }
  },
  done: world => world,
}

const freeze: Operation = {
  name: `${app}: freeze`,
  app,
  ask: host => host.api('POST', `/v1/apps/${app}/freeze`),
  done: world => world,
}

const sleeping: readonly Step[] = ['sleep.drained', 'sleep.stopped', 'sleep.logged', 'sleep.committed']
const waking: readonly Step[] = ['wake.admitted', 'wake.started', 'wake.ready']
const forked = 'fork.begun'

/** Every step of `src/apps/steps.ts` is in one of these; see {@link ./matrix.ts}. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'a request wakes the app',
    prepare: slept,
    act: op.read(app),
    steps: waking,
    commits: 'wake.admitted',
  },
  {
    name: 'the app is frozen',
    prepare: goneOn,
    act: freeze,
    steps: ['freeze.frozen'],
    commits: 'freeze.frozen',
    rests: 'frozen',
  },
  {
    name: 'the app falls asleep for the first time',
    prepare: first,
    act: sleep,
    steps: [...sleeping, 'sleep.recorded', 'sleep.removed'],
    commits: 'sleep.drained',
  },
  {
    name: 'the app falls asleep once more',
    prepare: goneOn,
    act: sleep,
    steps: ['sleep.stopped', 'sleep.committed', 'sleep.recorded', 'sleep.removed'],
    commits: 'sleep.stopped',
  },
  {
    name: 'the app falls asleep and has written nothing',
    prepare: [...slept, op.read(app)],
    act: sleep,
    steps: ['sleep.committed', 'sleep.removed'],
    commits: 'sleep.committed',
  },
  {
    name: 'the app falls asleep as a snapshot of it has it',
    prepare: [...goneOn, op.snapshot(app)],
    act: sleep,
    steps: ['sleep.stopped', 'sleep.committed', 'sleep.removed'],
    commits: 'sleep.stopped',
  },
  {
    name: 'the app falls asleep after a snapshot and a change',
    prepare: [...goneOn, op.snapshot(app), ...writes('three')],
    act: sleep,
    steps: ['sleep.stopped', 'sleep.committed', 'sleep.recorded', 'sleep.removed'],
    commits: 'sleep.stopped',
  },
  {
    name: 'the host is told to stop',
    prepare: goneOn,
    act: op.shutDown(app),
    steps: ['sleep.drained', 'sleep.committed', 'sleep.recorded', 'sleep.removed'],
    commits: 'sleep.drained',
  },
  {
    name: 'the app is restarted',
    prepare: goneOn,
    act: op.move(app, 'restart'),
    steps: ['sleep.committed', 'sleep.removed', ...waking],
    commits: 'sleep.committed',
  },
  {
    name: 'a snapshot is taken of the running app',
    prepare: first,
    act: op.snapshot(app),
    steps: ['snapshot.begun', 'snapshot.committed', 'snapshot.recorded'],
    commits: 'snapshot.begun',
  },
  {
    name: 'a second snapshot is taken of the running app',
    prepare: [...goneOn, op.snapshot(app), ...writes('three')],
    act: op.snapshot(app),
    steps: ['snapshot.committed', 'snapshot.recorded'],
    commits: 'snapshot.committed',
  },
  {
    name: 'the first deploy',
    prepare: [],
    act: op.deploy(app, 1),
    steps: [
      'deploy.received',
      'deploy.built',
      'deploy.asleep',
      'wake.started',
      'deploy.started',
      'deploy.promoted',
    ],
    commits: 'deploy.promoted',
  },
  {
    name: 'a deploy over the running app',
    warm: true,
    prepare: goneOn,
    act: op.deploy(app, 2),
    steps: [
      'deploy.received',
      'deploy.built',
      'carry.committed',
      'carry.assembled',
      'sleep.committed',
      'sleep.removed',
      'deploy.asleep',
      'deploy.carried',
      ...waking,
      'deploy.started',
      'deploy.promoted',
    ],
    commits: 'deploy.promoted',
  },
  {
    name: 'a deploy over the sleeping app',
    warm: true,
    prepare: slept,
    act: op.deploy(app, 2),
    steps: [
      'deploy.built',
      'carry.assembled',
      'deploy.asleep',
      'deploy.carried',
      'deploy.started',
      'deploy.promoted',
    ],
    commits: 'deploy.promoted',
  },
  {
    name: 'a deploy that drops the state',
    warm: true,
    prepare: goneOn,
    act: op.deploy(app, 2, { fresh: true }),
    steps: ['deploy.built', 'deploy.asleep', 'deploy.started', 'deploy.promoted'],
    commits: 'deploy.promoted',
  },
  {
    name: 'the running app goes back to a snapshot',
    prepare: goneOn,
    act: op.rollback(app, { snapshot: 1 }),
    steps: [
      'sleep.committed',
      'sleep.removed',
      'rollback.asleep',
      'rollback.assembled',
      ...waking,
      'rollback.started',
      'rollback.recorded',
    ],
    commits: 'rollback.recorded',
  },
  {
    name: 'the sleeping app goes back to a snapshot of an older release',
    warm: true,
    prepare: [...goneOn, op.deploy(app, 2), ...writes('three'), sleep],
    act: op.rollback(app, { snapshot: 1 }),
    steps: ['rollback.asleep', 'rollback.assembled', 'rollback.started', 'rollback.recorded'],
    commits: 'rollback.recorded',
  },
  {
    name: 'the running app goes back to an older release’s code',
    warm: true,
    prepare: [...goneOn, op.deploy(app, 2), ...writes('three')],
    act: op.rollback(app, { release: 1 }),
    steps: [
      'carry.committed',
      'carry.assembled',
      'sleep.removed',
      'rollback.asleep',
      'wake.started',
      'rollback.started',
      'rollback.recorded',
    ],
    commits: 'rollback.recorded',
  },
  {
    name: 'a rollback is undone',
    prepare: [...goneOn, op.rollback(app, { snapshot: 1 })],
    act: op.rollback(app, { snapshot: 2 }),
    steps: ['rollback.asleep', 'rollback.assembled', 'rollback.started', 'rollback.recorded'],
    commits: 'rollback.recorded',
  },
  {
    name: 'the running app is forked',
    prepare: goneOn,
    act: op.fork(app, 'forked'),
    steps: [
      'snapshot.committed',
      'snapshot.recorded',
      'fork.taken',
      forked,
      'fork.release',
      'fork.state',
      'fork.recorded',
    ],
    commits: 'fork.recorded',
  },
  {
    name: 'the app is forked from an older snapshot',
    warm: true,
    prepare: [...goneOn, op.deploy(app, 2)],
    act: op.fork(app, 'forked', 1),
    steps: [forked, 'fork.release', 'fork.state', 'fork.recorded'],
    commits: 'fork.recorded',
  },
  {
    name: 'layers are merged after a sleep',
    warm: true,
    prepare: goneOn,
    act: sleep,
    steps: [
      'compaction.copied',
      'compaction.merged',
      'compaction.assembled',
      'compaction.checked',
      'compaction.recorded',
      'compaction.removed',
    ],
    commits: 'compaction.copied',
    env: { DORMICE_COMPACT_DEPTH: '2' },
  },
  {
    name: 'layers are copied after a sleep',
    prepare: first,
    act: sleep,
    steps: ['copy.layers', 'copy.recorded'],
    commits: 'copy.layers',
    env: { DORMICE_COPY_AFTER: '1ms' },
  },
  {
    name: 'the app wakes although its images were pruned',
    warm: true,
    prepare: [...goneOn, sleep, prune],
    act: op.read(app),
    steps: ['restore.assembled', 'wake.started'],
    commits: 'restore.assembled',
    env: { DORMICE_COPY_AFTER: '1ms' },
  },
  {
    name: 'snapshots over the app’s budget go after a sleep',
    prepare: [...first, bulk('one'), sleep, bulk('two'), sleep, bulk('three'), op.tighten(app)],
    act: sleep,
    steps: ['retention.forgotten', 'retention.removed'],
    commits: 'retention.forgotten',
    depth: 0,
  },
  {
    name: 'the running app is deleted',
    prepare: goneOn,
    act: op.remove(app),
    steps: ['delete.marked', 'delete.stopped', 'delete.images', 'delete.files', 'delete.forgotten'],
    commits: 'delete.marked',
  },
  {
    name: 'the sleeping app is deleted',
    prepare: slept,
    act: op.remove(app),
    steps: ['delete.marked', 'delete.images', 'delete.forgotten'],
    commits: 'delete.marked',
  },
  {
    name: 'the running app is exported, and imported as another',
    warm: true,
    prepare: goneOn,
    act: op.copy(app, 'moved'),
    steps: ['snapshot.committed', 'import.received', 'import.begun', 'import.assembled', 'import.recorded'],
    commits: 'import.recorded',
  },
]
