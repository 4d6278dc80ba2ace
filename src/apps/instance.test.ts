import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Problem } from '../problem.ts'
import type { AppSettings } from '../releases/manifest.ts'
import { Stage } from './fake-stage.ts'
import { makeRelease, releaseAlone } from './fake-world.ts'
import { overhead } from './footprint.ts'
import type { Lease } from './lease.ts'
import { InstanceGone } from './lease.ts'

test('a container that a snapshot superseded is never run again, though its removal failed', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  // stop and commit work, removing does not.
  stage.machine.fates = ['ok', 'ok', 'before', 'ok']
  await assert.rejects(stage.app('a').sleep('manual'))
  await stage.write('a', 'two')
  await stage.crash()
  assert.deepEqual(await stage.read('a'), ['one', 'two'])
})

test('a container that could not be committed is what wakes next, and a host that crashed meanwhile adopts it', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  stage.machine.fates = ['ok', 'before', 'ok']
  await assert.rejects(stage.app('a').sleep('manual'))
  const [container] = stage.containersOf('a')
  await stage.write('a', 'two')
  await stage.crash()
  assert.deepEqual(await stage.read('a'), ['one', 'two'])
  assert.equal(stage.app('a').container, container?.id)
})

test('an app whose stop got no answer goes on running with its files', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  stage.machine.fates = ['before', 'ok']
  await assert.rejects(stage.app('a').sleep('manual'))
  assert.deepEqual(await stage.read('a'), ['one'])
  assert.equal(stage.containersOf('a')[0]?.runs, 1)
})

test('a leftover that cannot run again wakes from its image, and the request does not notice', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  stage.machine.fates = ['before', 'ok']
  await assert.rejects(stage.app('a').sleep('manual'))
  // Somebody paused it, and the engine does not start a paused container.
  stage.containersOf('a')[0]!.state = 'paused'
  assert.deepEqual(await stage.read('a'), ['one'])
})

test('a wake whose answer was lost does not keep the next one from waking', async t => {
  const stage = new Stage(t, ['a'])
  stage.machine.fates = ['ok', 'after', 'before']
  await assert.rejects(stage.app('a').wake())
  stage.machine.fates = []
  await stage.write('a', 'one')
  assert.deepEqual(await stage.read('a'), ['one'])
})

test('while an app that died is put to sleep, nobody is sent to it', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  const [container] = stage.containersOf('a')
  const go = await stage.hold(/^commit/, () => stage.machine.end(container!.id, 1, true))
  assert.equal(stage.app('a').lease(), undefined)
  const read = stage.read('a')
  go()
  assert.deepEqual(await read, ['one'])
})

test('who holds a lease of an app that died is told at once, and gets one of the next instance', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  const lease = await stage.app('a').acquire(new AbortController().signal)
  const told = once(lease.revoked, 'abort')
  const [container] = stage.containersOf('a')
  // How it died is yet to be found out.
  const go = await stage.hold(/^wait/, () => stage.machine.end(container!.id, 1, true))
  await told
  assert.ok(lease.revoked.reason instanceof InstanceGone)
  lease.release()
  assert.equal(stage.app('a').lease(), undefined)
  const read = stage.read('a')
  go()
  assert.deepEqual(await read, ['one'])
})

test('failures of long ago hold nobody back once the app ran well and slept', async t => {
  let now = 1_000
  t.mock.method(performance, 'now', () => now)
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  /** The app ends after a second; how long it is held back then, ms. */
  async function crash(): Promise<number> {
    await app.wake()
    now += 1_000
    stage.machine.end(stage.containersOf('a')[0]!.id, 1, true)
    await app.undisturbed(async () => undefined)
    assert.equal(app.state, 'crashed')
    return app.failure!.retryAt - app.failure!.at
  }
  assert.deepEqual([await crash(), await crash(), await crash()], [1_000, 2_000, 4_000])
  await app.wake()
  now += 3_600_000
  await app.sleep('idle')
  assert.equal(await crash(), 1_000)
})

test('memory of an app that did not become ready is not given away before it is stopped', async t => {
  const stage = new Stage(t, [])
  stage.deploy('a', 'silent')
  let failed: Promise<unknown> | undefined
  const go = await stage.hold(/^stop/, () => {
    failed = assert.rejects(stage.app('a').wake())
  })
  assert.equal(stage.host.keeper.used, 100 * 1024 * 1024 + overhead)
  go()
  await failed
  assert.equal(stage.host.keeper.used, 0)
})

test('a wake that waits for memory goes on when another app, woken by hand, has nothing to do', async t => {
  const stage = new Stage(t, ['a', 'b', 'c'])
  await stage.app('a').wake()
  const lease = stage.app('a').lease()
  let woken: Promise<void> | undefined
  const go = await stage.hold(/^probe/, () => {
    woken = stage.app('b').wake()
  })
  const third = stage.app('c').wake()
  await immediate()
  go()
  await Promise.all([woken, third])
  assert.deepEqual([stage.app('a').state, stage.app('c').state], ['awake', 'awake'])
  lease?.release()
})

test('a request that waited for memory until its time was over is told that it was memory', async t => {
  const stage = new Stage(t, ['a', 'b', 'c'])
  stage.host.store.setSettings('c', { wakeTimeout: 10 })
  stage.app('c').settingsChanged()
  const leases = await Promise.all(
    ['a', 'b'].map(name => stage.app(name).acquire(new AbortController().signal)),
  )
  const alive = setInterval(() => undefined, 5)
  await assert.rejects(
    stage.read('c'),
    (error: Problem) => error.code === 'no_memory' && error.status === 503,
  )
  clearInterval(alive)
  for (const lease of leases) lease.release()
})

test('who waits for its turn to start holds no memory meanwhile, and is not taken for slow', async t => {
  const stage = new Stage(t, ['a'])
  const { context, keeper } = stage.host
  const others = Promise.withResolvers<void>()
  for (let n = 0; n < context.starts.concurrency; n++) void context.starts(() => others.promise)
  const awake = stage.app('a').wake()
  while (context.starts.pendingCount === 0) await immediate()
  assert.equal(keeper.used, 0)
  const [began, far] = [performance.now(), 10_000]
  t.mock.method(performance, 'now', () => began + far)
  others.resolve()
  await awake
  assert.ok(keeper.used > 0)
  assert.equal(stage.app('a').forecast.expected, 0)
})

test('a deploy that fails at the engine leaves no trial behind', async t => {
  const stage = new Stage(t, ['a'])
  const release = makeRelease(stage.host.store, stage.machine, 'a', 'good')
  let deployed: Promise<unknown> | undefined
  const go = await stage.hold(/^create/, () => {
    deployed = assert.rejects(
      stage.app('a').goOnAs('deploy', async () => releaseAlone(stage.host.store, release)),
    )
  })
  // It starts and the answer is lost; that it could not be removed at once either.
  stage.machine.fates = ['after', 'before']
  go()
  await deployed
  assert.deepEqual(stage.containersOf('a'), [])
})

test('clearing up after a crash does not take the image that a sleep is just making', async t => {
  const stage = new Stage(t, ['a'])
  let clearing: Promise<void> | undefined
  const list = await stage.hold(/^list images/, () => {
    clearing = stage.host.apps.reconcile()
  })
  await stage.write('a', 'one')
  let asleep: Promise<unknown> | undefined
  const commit = await stage.hold(/^answer commit/, () => {
    asleep = stage.app('a').sleep('manual')
  })
  // The image is there, and the store does not know it yet.
  list()
  await immediate()
  await immediate()
  commit()
  await asleep
  await clearing
  assert.deepEqual(await stage.read('a'), ['one'])
})

test('who deletes an app that is being deleted waits for that, for a second deletion could meet the app that comes after', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'old')
  stage.steps.length = 0
  await Promise.all([stage.host.apps.delete('a'), stage.host.apps.delete('a')])
  assert.equal(stage.steps.filter(step => step.startsWith('list images')).length, 1)
  stage.deploy('a')
  assert.deepEqual(await stage.read('a'), [])
})

test('an app whose CPU counts sleeps for idleness only once it has used none for its time', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  stage.host.store.setSettings('a', { idle: 'cpu', sleepAfter: 1_000 })
  app.settingsChanged()
  await app.wake()
  const [container] = stage.containersOf('a')
  /** A second later, with so many ms of CPU time used. */
  async function sweep(used: number): Promise<void> {
    stage.clock += 1_000
    container!.cpuTime += used
    stage.host.keeper.sweep()
    // The look, and then what comes of it.
    await immediate()
    await app.undisturbed(async () => undefined)
  }
  await sweep(0)
  for (let n = 0; n < 5; n++) await sweep(60_000)
  assert.equal(app.state, 'awake')
  await sweep(0)
  assert.equal(app.state, 'asleep')
})

test('when an app was last used is known after a restart, whether it wrote anything or not', async t => {
  const stage = new Stage(t, ['a', 'b', 'c', 'never'])
  stage.clock = 5_000
  await stage.write('a', 'one')
  await stage.read('b')
  await stage.write('c', 'one')
  // Its container holds what a snapshot has that was taken while it ran.
  await stage.app('c').snapshot('manual')
  stage.clock = 9_000
  for (const name of ['a', 'b', 'c']) await stage.app(name).sleep('manual')
  await stage.crash()
  assert.deepEqual(
    ['a', 'b', 'c', 'never'].map(name => stage.app(name).lastUsed),
    [5_000, 5_000, 5_000, undefined],
  )
})

test('that an app is used is not written for each request, nor as it wakes, but once as it falls asleep', async t => {
  const stage = new Stage(t, ['a'])
  const stored = () => stage.host.store.app('a')?.lastUsed
  stage.clock = 5_000
  for (let n = 0; n < 3; n++) await stage.read('a')
  assert.equal(stored(), null)
  await stage.app('a').sleep('manual')
  assert.equal(stored(), 5_000)
})

test('an app that wrote nothing falls asleep also when the disk is too full to note when it was used', async t => {
  const stage = new Stage(t, ['a'])
  await stage.read('a')
  t.mock.method(stage.host.store, 'used', () => {
    throw new Error('database or disk is full')
  })
  await stage.app('a').sleep('manual')
  assert.deepEqual([stage.app('a').state, stage.containersOf('a')], ['asleep', []])
})

/** An awake app that sleeps after a second without requests; `sweep` is a second later. */
async function awakeFor(t: TestContext) {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  stage.host.store.setSettings('a', { sleepAfter: 1_000 })
  app.settingsChanged()
  await app.wake()
  const sweep = async () => {
    stage.host.keeper.sweep()
    stage.clock += 1_000
    await immediate()
  }
  return { stage, app, sweep }
}

test('a quiet lease neither keeps an app from falling asleep for idleness nor counts as its last use', async t => {
  const { app, sweep } = await awakeFor(t)
  const woke = app.lastUsed
  for (let n = 0; n < 3 && app.state === 'awake'; n++) {
    await sweep()
    app.quietLease()?.release()
  }
  await app.undisturbed(async () => undefined)
  assert.equal(app.state, 'asleep')
  assert.equal(app.lastUsed, woke)
})

test('an app falls asleep, but is not stopped while a quiet lease is out', async t => {
  const { stage, app, sweep } = await awakeFor(t)
  const lease = app.quietLease()!
  assert.deepEqual(app.load, { leases: 1, waiting: 0 })
  await sweep()
  await sweep()
  assert.equal(app.state, 'falling-asleep')
  assert.ok(!stage.steps.some(step => step.startsWith('stop')))
  assert.equal(app.quietLease(), undefined)
  lease.release()
  await app.undisturbed(async () => undefined)
  assert.equal(app.state, 'asleep')
})

test('a request cancels the sleep that waits for a quiet lease; another quiet one does not', async t => {
  const { app, sweep } = await awakeFor(t)
  const quiet = app.quietLease()!
  await sweep()
  await sweep()
  assert.equal(app.quietLease(), undefined)
  assert.equal(app.state, 'falling-asleep')
  const lease = app.lease()!
  quiet.release()
  assert.equal(app.state, 'awake')
  lease.release()
})

test('for memory, an app is frozen for another although a quiet lease has just been out', async t => {
  const stage = new Stage(t, ['a', 'b', 'c'])
  for (const name of ['a', 'b']) await stage.app(name).wake()
  stage.app('a').quietLease()?.release()
  await stage.app('c').wake()
  await stage.app('a').undisturbed(async () => undefined)
  assert.deepEqual([stage.app('a').state, stage.app('b').state], ['frozen', 'awake'])
})

test('a quiet lease wakes nothing, leaves word of the wake to the first request, and is refused where one would fail', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  assert.equal(app.quietLease(), undefined)
  assert.deepEqual(stage.steps, [])
  await app.wake()
  const quiet = app.quietLease()!
  const lease = app.lease()!
  assert.deepEqual([quiet.wake, lease.wake?.kind], [undefined, 'cold'])
  quiet.release()
  lease.release()
  stage.machine.end(stage.containersOf('a')[0]!.id, 1, true)
  await app.undisturbed(async () => undefined)
  assert.throws(() => app.quietLease(), { code: 'app_crashed' })
})

test('rules are one object until they change, or what the app runs does', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  const { store } = stage.host
  const { machine } = stage
  assert.equal(app.rules, undefined)
  store.setSettings('a', { ignore: { paths: ['/health'] } })
  app.settingsChanged()
  const first = app.rules
  assert.deepEqual(first, { ignore: { paths: ['/health'] } })
  store.setSettings('a', { ignore: { paths: ['/health'] }, sleepAfter: 2_000 })
  app.settingsChanged()
  await app.wake()
  assert.equal(app.rules, first)
  await app.goOnAs('deploy', async () => releaseAlone(store, makeRelease(store, machine, 'a', 'good')))
  assert.deepEqual(app.rules, first)
  assert.notEqual(app.rules, first)
})

test('a request that meets a dead app before the engine tells of its death finds out how it died', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  await stage.write('a', 'one')
  const [container] = stage.containersOf('a')
  stage.told = false
  stage.machine.end(container!.id, 3, true)
  await app.unreachable()
  assert.equal(app.state, 'crashed')
  assert.equal(app.failure?.message, 'it ended with exit code 3')
  const { failure } = app
  // Then the event comes.
  stage.host.apps.died(container!.id, 3)
  await app.undisturbed(async () => undefined)
  assert.equal(app.failure, failure, 'one death is one failure')
  await app.wake()
  assert.deepEqual(await stage.read('a'), ['one'])
})

test('an app that ended while nobody heard the engine, as when that was restarted, did not crash', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  await stage.write('a', 'one')
  stage.told = false
  stage.host.apps.hears(false)
  stage.machine.end(stage.containersOf('a')[0]!.id, 137, true)
  stage.host.apps.hears(true)
  await app.unreachable()
  assert.deepEqual([app.state, app.failure], ['asleep', undefined])
  assert.deepEqual(await stage.read('a'), ['one'])
})

test('an app that somebody paused did not crash, and nobody waits for its end', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  await stage.write('a', 'one')
  stage.containersOf('a')[0]!.state = 'paused'
  stage.steps.length = 0
  await app.unreachable()
  assert.deepEqual([app.state, app.failure], ['asleep', undefined])
  assert.ok(!stage.steps.some(step => step.startsWith('wait')))
})

const MiB = 1024 * 1024

/** Changes limits of an app as the API does. */
function setLimits(stage: Stage, settings: AppSettings): void {
  stage.host.store.setSettings('a', settings)
  stage.app('a').settingsChanged()
}

test('limits that change while an app runs are pending until its next wake', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  const running = () => stage.containersOf('a')[0]?.limits
  setLimits(stage, { memory: 50 * MiB })
  assert.deepEqual(app.resources.pending, [])
  await app.wake()
  assert.deepEqual([running()?.memory, app.resources.pending], [50 * MiB, []])
  setLimits(stage, { memory: 60 * MiB, pids: 32, sleepAfter: 1_000 })
  assert.deepEqual(app.resources.pending, ['memory', 'pids'])
  setLimits(stage, { memory: 50 * MiB, pids: 32 })
  assert.deepEqual(app.resources.pending, ['pids'])
  await app.restart()
  assert.deepEqual([running()?.memory, running()?.pids, app.resources.pending], [50 * MiB, 32, []])
})

test('a host that goes on with a running app knows its limits, and charges what it may use', async t => {
  const stage = new Stage(t, ['a'])
  await stage.app('a').wake()
  const { used } = stage.host.keeper
  setLimits(stage, { memory: 150 * MiB })
  await stage.crash()
  assert.deepEqual(stage.app('a').resources.pending, ['memory'])
  assert.equal(stage.host.keeper.used, used)
})

test('a container that could not be put to sleep wakes with its limits, and is charged for them', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  const { used } = stage.host.keeper
  stage.machine.fates = ['ok', 'before', 'ok']
  await assert.rejects(stage.app('a').sleep('manual'))
  setLimits(stage, { memory: 150 * MiB })
  await stage.app('a').wake()
  assert.deepEqual(stage.app('a').resources.pending, ['memory'])
  assert.equal(stage.host.keeper.used, used)
})

test('a frozen app goes on with its limits, and is charged by them', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  await app.wake()
  await app.freeze('manual')
  setLimits(stage, { memory: 150 * MiB })
  assert.deepEqual([app.state, app.resources.pending], ['frozen', ['memory']])
  await app.wake()
  assert.deepEqual([app.state, app.resources.pending], ['awake', ['memory']])
  // Half of the 100 MiB that it was made for.
  assert.equal(stage.host.keeper.used, 50 * MiB + overhead)
})

test('who waits for a wake is answered by it, though the app is told to sleep meanwhile', async t => {
  const stage = new Stage(t, ['a'])
  const app = stage.app('a')
  await app.wake()
  for (const kind of ['frozen', 'cold'] as const) {
    if (kind === 'frozen') await app.freeze('manual')
    const began = stage.steps.length
    let acquired: Promise<Lease>[] = []
    const go = await stage.hold(kind === 'frozen' ? /^thaw/ : /^probe/, () => {
      acquired = [app.acquire(new AbortController().signal), app.acquire(new AbortController().signal)]
    })
    const asleep = app.sleep('manual')
    go()
    const leases = await Promise.all(acquired)
    assert.ok(leases.every(({ awoke }) => awoke === kind))
    assert.ok(!stage.steps.slice(began).some(step => step.startsWith('stop')))
    for (const lease of leases) lease.release()
    await asleep
    assert.equal(app.state, 'asleep')
  }
})

test('an app that is asked for is waking while it is looked what an earlier run of the host left of it', async t => {
  const stage = new Stage(t, ['a'])
  await stage.write('a', 'one')
  stage.restart()
  const { engine } = stage.host
  const look = engine.container
  const looks = Promise.withResolvers<void>()
  const goesOn = Promise.withResolvers<void>()
  const slow = async (id: string) => {
    looks.resolve()
    await goesOn.promise
    return look(id)
  }
  Object.assign(engine, { container: slow })
  const app = stage.app('a')
  assert.equal(app.forecast.state, 'asleep')
  const awake = app.wake()
  await looks.promise
  assert.equal(app.forecast.state, 'waking')
  goesOn.resolve()
  await awake
  assert.equal(app.forecast.state, 'awake')
})
