import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import { silent } from '../log.ts'
import type { WakeTrace } from '../store/records.ts'
import { Store } from '../store/store.ts'
import { Stage } from './fake-stage.ts'
import type { WakeInfo } from './lease.ts'
import { WakeTraces } from './wake-traces.ts'

const wake: WakeInfo = {
  kind: 'cold',
  ms: 131.4321,
  parts: [
    { name: 'queue', ms: 1.2345 },
    { name: 'ready', ms: 130.1976 },
  ],
}

/** Traces with a store that has the app `notes`, at a time that the test sets. */
function setUp(t: TestContext) {
  const store = new Store(join(newFolder('wake-traces'), 'dormice.db'))
  t.after(() => store[Symbol.dispose]())
  store.createApp('notes', 1)
  const clock = { now: 1_000_000 }
  const warned: string[] = []
  const log = { ...silent, warn: (event: string) => warned.push(event) }
  const traces = new WakeTraces({ store, log, now: () => clock.now })
  return { store, clock, warned, traces, stored: () => store.wakes.of('notes').length }
}

/** The disk takes nothing until it is told to. */
function breakDisk({ wakes }: Store): { mend(): void; tried: number } {
  const { add } = wakes
  const disk = {
    mend: () => {
      wakes.add = add
    },
    tried: 0,
  }
  wakes.add = () => {
    disk.tried++
    throw new Error('database or disk is full')
  }
  return disk
}

test('a wake is told of at once, in tenths of milliseconds, and stored later', t => {
  const { traces, stored, store } = setUp(t)
  traces.note('notes', wake, 'awake')
  const trace: WakeTrace = {
    app: 'notes',
    at: 999_869,
    kind: 'cold',
    outcome: 'awake',
    ms: 131.4,
    parts: [
      { name: 'queue', ms: 1.2 },
      { name: 'ready', ms: 130.2 },
    ],
  }
  assert.deepEqual([traces.of('notes'), stored()], [[trace], 0])
  traces.sweep(true)
  assert.deepEqual([traces.of('notes'), store.wakes.of('notes')], [[trace], [trace]])
  traces.note('notes', { kind: 'frozen', ms: 9 }, 'no_memory')
  assert.deepEqual(
    traces.of('notes').map(({ outcome }) => outcome),
    ['no_memory', 'awake'],
  )
  assert.equal(traces.of('notes', 1).length, 1)
})

test('nothing is stored while an app wakes, but for what has waited long', t => {
  const { traces, stored, clock } = setUp(t)
  traces.note('notes', wake, 'awake')
  clock.now += 9_999
  traces.sweep(false)
  assert.equal(stored(), 0)
  clock.now += 1
  traces.sweep(false)
  assert.equal(stored(), 1)
})

test('many wakes are stored a few at a time, and all of them when the host ends', t => {
  const { traces, stored } = setUp(t)
  for (let i = 0; i < 90; i++) traces.note('notes', wake, 'awake')
  traces.sweep(true)
  assert.deepEqual([stored(), traces.of('notes').length], [50, 90])
  traces[Symbol.dispose]()
  assert.equal(stored(), 90)
})

test('a full disk is told of once and asked again a minute later, and memory stays bounded', t => {
  const { traces, stored, clock, warned, store } = setUp(t)
  const disk = breakDisk(store)
  for (let i = 0; i < 1_100; i++) traces.note('notes', wake, 'awake')
  for (let second = 0; second < 120; second++) {
    clock.now += 1_000
    traces.sweep(true)
  }
  assert.deepEqual([warned, disk.tried, traces.of('notes', 5_000).length], [['wakes_not_stored'], 2, 1_000])
  traces[Symbol.dispose]()
  disk.mend()
  clock.now += 60_000
  traces.sweep(true)
  assert.equal(stored(), 50)
  breakDisk(store)
  traces.sweep(true)
  assert.deepEqual(warned, ['wakes_not_stored', 'wakes_not_stored'])
})

test('all who waited have their leases before a wake can be stored, whatever the disk does', async t => {
  const stage = new Stage(t, ['a'])
  const { store, wakes, apps } = stage.host
  const disk = breakDisk(store)
  let leases = 0
  const { promise: swept, resolve } = Promise.withResolvers<{ leases: number; tried: number }>()
  const note = wakes.note.bind(wakes)
  wakes.note = (...trace) => {
    note(...trace)
    // A timer's turn comes after everything that follows at once from the wake.
    setImmediate(() => {
      wakes.sweep(true)
      resolve({ leases, tried: disk.tried })
    })
  }
  const acquired = Array.from({ length: 50 }, async () => {
    const lease = await apps.get('a').acquire(new AbortController().signal)
    leases++
    lease.release()
  })
  assert.deepEqual(await swept, { leases: 50, tried: 1 })
  await Promise.all(acquired)
  assert.equal(wakes.of('a').length, 1)
})

test('a wake’s trace has the parts that its first lease tells, and they make up its time', async t => {
  const stage = new Stage(t, ['a'])
  const lease = await stage.app('a').acquire(new AbortController().signal)
  lease.release()
  const [trace = assert.fail(), ...more] = stage.host.wakes.of('a')
  assert.deepEqual([trace.app, trace.kind, trace.outcome, more], ['a', 'cold', 'awake', []])
  assert.deepEqual(
    trace.parts.map(({ name }) => name),
    lease.wake?.parts?.map(({ name }) => name),
  )
  const sum = trace.parts.reduce((all, { ms }) => all + ms, 0)
  assert.ok(Math.abs(sum - trace.ms) < 0.3, `${sum} of ${trace.ms} ms`)
})

test('a wake by hand and the one of a restart are traced, and none where the app is awake', async t => {
  const stage = new Stage(t, ['a'])
  await stage.app('a').wake()
  await stage.app('a').wake()
  await stage.app('a').restart()
  assert.equal(stage.host.wakes.of('a').length, 2)
})

test('a wake that failed is traced with what became of it, once, though it was tried twice', async t => {
  const stage = new Stage(t, ['good', 'lost'])
  stage.deploy('dies', 'exits')
  stage.machine.fates = ['before']
  await assert.rejects(stage.app('good').wake())
  await assert.rejects(stage.app('dies').wake())
  for (const image of [...stage.machine.images.values()]) {
    if (image.labels.app === 'lost') stage.machine.images.delete(image.id)
  }
  await assert.rejects(stage.app('lost').wake())
  const outcomes = ['good', 'dies', 'lost'].map(app =>
    stage.host.wakes.of(app).map(({ outcome, parts }) => [outcome, ...parts.map(({ name }) => name)]),
  )
  assert.deepEqual(outcomes, [
    [['engine_unavailable']],
    [['app_crashed', 'queue', 'create', 'start', 'ready']],
    [['app_lost']],
  ])
})

test('a thaw is traced as one, whether the app went on or the engine did not answer', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  await app.wake()
  await app.freeze('manual')
  stage.machine.fates = ['before']
  await assert.rejects(app.wake())
  await app.wake()
  assert.deepEqual(
    stage.host.wakes
      .of('a', 2)
      .map(({ kind, outcome, parts }) => [kind, outcome, parts.map(each => each.name)]),
    [
      ['frozen', 'awake', ['queue', 'thaw']],
      ['frozen', 'engine_unavailable', []],
    ],
  )
})

test('a request that a crashed app is kept from waking leaves no trace', async t => {
  const stage = new Stage(t, [])
  const app = stage.deploy('dies', 'exits')
  await assert.rejects(app.wake())
  await assert.rejects(app.acquire(new AbortController().signal))
  assert.equal(stage.host.wakes.of('dies').length, 1)
})

test('nothing is left of a deleted app, and one of the same name begins with nothing', async t => {
  const stage = new Stage(t, ['a'])
  const { store, wakes, apps } = stage.host
  await stage.app('a').wake()
  wakes.sweep(true)
  await stage.app('a').restart()
  assert.equal(wakes.of('a').length, 2)
  await apps.delete('a')
  store.createApp('a', 2)
  wakes.sweep(true)
  assert.deepEqual(wakes.of('a'), [])
})
