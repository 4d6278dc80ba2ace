import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import type { Scheduler } from 'fast-check'
import { EngineUnavailable, type Labels } from '../engine/engine.ts'
import { silent } from '../log.ts'
import { messageOf, Problem } from '../problem.ts'
import type { App, Release, Snapshot } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { Apps } from './apps.ts'
import type { Context } from './context.ts'
import { fakeContext } from './fake-context.ts'
import { type Behaviour, FakeEngine, FakeMachine, type Fate } from './fake-engine.ts'
import { overhead } from './footprint.ts'
import type { Keeper } from './keeper.ts'
import { MemoryWatch } from './memory-watch.ts'
import { releaseTag, snapshotTag } from './naming.ts'
import type { Next } from './next.ts'
import { toSnapshot } from './sleep.ts'
import type { WakeTraces } from './wake-traces.ts'

/* For tests of the lifecycle: hosts on a fake engine, what is done to them, and what must always hold. */

const MiB = 1024 * 1024
const memory = 100 * MiB
/** Room for two of the three apps, and a frozen one. */
const budget = 2 * (memory + overhead) + overhead
export const names = ['a', 'b', 'c'] as const
export type Name = (typeof names)[number]
const idleBy = { a: 'requests', b: 'cpu', c: 'connections' } as const

/** What can be done to the world. Steps of one round are done at once, in any interleaving. */
export type Step =
  | { do: 'request'; app: Name; hold: number; leaves: boolean; quiet?: boolean }
  | { do: 'wake' | 'freeze' | 'sleep' | 'restart' | 'snapshot' | 'rollback' | 'delete'; app: Name }
  | { do: 'deploy'; app: Name; fresh: boolean; behaviour: Behaviour }
  | { do: 'die'; app: Name; told: boolean }
  | { do: 'vanish'; app: Name }
  | { do: 'sweep'; ms: number }
  | { do: 'look' }
  | { do: 'press' }
  | { do: 'weigh'; bytes: { [name in Name]: number }; looks: number }
  | { do: 'crash' }
  | { do: 'trouble'; fates: Fate[] }

/** What a host is started on. */
type Ground = {
  data: string
  machine: FakeMachine
  clock: number
}

/** One run of Dormice, from its start to its crash. */
export class FakeHost {
  readonly context: Context
  readonly store: Store
  readonly engine: FakeEngine
  readonly apps: Apps
  readonly keeper: Keeper
  readonly wakes: WakeTraces
  readonly memory: MemoryWatch
  readonly crashed = Promise.withResolvers<'crashed'>()
  readonly deploying = new Set<string>()

  constructor(world: Ground) {
    this.engine = new FakeEngine(world.machine)
    const context = fakeContext({
      data: world.data,
      engine: this.engine,
      now: () => world.clock,
      budget,
      log: process.env.LIFECYCLE_LOG ? loud : silent,
      ready: (upstream, _, signal) => world.machine.ready(upstream.host, signal),
    })
    this.context = context
    this.store = context.store
    this.keeper = context.keeper
    this.wakes = context.wakes
    this.apps = new Apps(context)
    this.memory = new MemoryWatch(context, this.apps)
    this.apps.hears(true)
  }

  crash(): void {
    this.engine.cut()
    this.store[Symbol.dispose]()
    this.crashed.resolve('crashed')
  }
}

/** A release whose image is on the engine; the store does not have it yet. */
export function makeRelease(
  store: Store,
  machine: FakeMachine,
  app: string,
  behaviour: Behaviour,
  disk?: Map<string, string>,
): Release {
  const number = store.nextRelease(app)
  const image = releaseTag(store.hostId, app, number)
  const labels: Labels = { host: store.hostId, role: 'release', app, generation: 0, release: number }
  machine.addImage(image, labels, behaviour, disk)
  return {
    app,
    number,
    createdAt: 0,
    image,
    size: 1,
    layers: 1,
    spec: {
      runtime: 'node',
      command: ['run'],
      port: 8080,
      env: {},
      confinement: 'confined',
      state: 'keep',
      settings: { memory, idle: idleBy[app as Name], ...(behaviour === 'silent' ? { startTimeout: 1 } : {}) },
      source: { kind: 'image', reference: 'test' },
    },
  }
}

/** A release without state, to go on as. */
export function releaseAlone(store: Store, release: Release): Next {
  return {
    release,
    image: release.image,
    size: 1,
    flushed: Promise.resolve(),
    commit: () => store.promote(release),
    discard: async () => undefined,
  }
}

const say = (event: string, fields?: unknown) => console.log('   log', event, fields ?? '')
const loud = { info: say, warn: say, error: say }

/** What must be true of one app. */
type Known = {
  /** Acknowledged writes, each with the release it was made under. */
  acknowledged: { value: string; release: string }[]
  /** Its files may be dropped in this round: a fresh deploy or a deletion began. */
  dropping: boolean
  /** There may be no such app in this round, for it is deleted or not deployed yet. */
  absent: boolean
  /** Its container died at some time. */
  died: boolean
  /** How often somebody removed its container in this round. */
  removals: number
}

class Left extends Error {}

export class World {
  readonly data = mkdtempSync(join(tmpdir(), 'dormice-world-'))
  readonly machine: FakeMachine
  clock = 1_000_000
  #host: FakeHost
  readonly #scheduler: Scheduler
  readonly #known = new Map<Name, Known>()
  #values = 0
  #releases = 0
  /** The engine fails in this round. */
  #trouble = false
  #everTrouble = false
  /** Deaths that nobody is told of. */
  readonly #untold = new Set<string>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    this.machine = new FakeMachine(
      what => {
        if (process.env.LIFECYCLE_LOG) console.log('     +', what)
        return scheduler.schedule(Promise.resolve(), what).then(() => {
          if (process.env.LIFECYCLE_LOG) console.log('     >', what)
        })
      },
      (container, code) => {
        if (this.#untold.delete(container)) return
        void this.machine.turn(`tell of ${container}`).then(() => this.#host.apps.died(container, code))
      },
    )
    this.#host = new FakeHost(this)
    for (const name of names) {
      this.#known.set(name, { acknowledged: [], dropping: false, absent: false, died: false, removals: 0 })
      this.#host.store.createApp(name, this.clock)
      this.#host.store.promote(this.#makeRelease(name, 'good'))
      this.#host.apps.instance(name)
    }
  }

  /** Lets the first host start. */
  async begin(): Promise<void> {
    await this.#drive(this.#host.apps.reconcile())
  }

  [Symbol.dispose](): void {
    this.#host.store[Symbol.dispose]()
    rmSync(this.data, { recursive: true, force: true })
  }

  /** Does the steps at once, until all of them have ended and nothing goes on, then checks what must hold. */
  async round(steps: readonly Step[]): Promise<void> {
    this.#trouble = steps.some(step => step.do === 'trouble')
    this.#everTrouble ||= this.#trouble
    for (const [name, known] of this.#known) {
      const exists = this.#host.store.app(name)?.deletedAt === null
      known.absent = !exists || steps.some(step => step.do === 'delete' && step.app === name)
      known.removals = 0
      known.dropping = steps.some(
        step =>
          'app' in step &&
          step.app === name &&
          (step.do === 'delete' || (step.do === 'deploy' && step.fresh)),
      )
    }
    await this.#drive(
      Promise.all(
        steps.map(async (step, index) => {
          // The order of the steps is the scheduler's as well.
          await this.machine.turn(`step ${index}: ${JSON.stringify(step)}`)
          await this.#do(step)
        }),
      ),
    )
    this.machine.fates = []
    // As the host does once the engine is back.
    if (this.#trouble) await this.#drive(this.#host.apps.look())
    if (this.machine.bytes.size > 0) await this.#relieve()
    this.#check()
  }

  /** Nobody uses any app: within some looks at the memory they have no more than they may. */
  async #relieve(): Promise<void> {
    const { apps, memory, keeper } = this.#host
    // One that died and nobody was told of is charged until that is noticed.
    await this.#drive(apps.look())
    let looks = 0
    do await this.#drive(memory.look())
    while (keeper.used > keeper.budget && ++looks < names.length * 2)
    assert.ok(keeper.used <= keeper.budget, `${keeper.used / MiB} MiB are charged: ${this.#describe()}`)
    // Once more, for what has changed since.
    await this.#drive(memory.look())
  }

  /** Everything sleeps in the end, and what was acknowledged can be read afterwards through a request. */
  async finish(): Promise<void> {
    await this.round([{ do: 'look' }])
    // Backoff of what has crashed is over.
    this.clock += 120_000
    await this.#sleepAll()
    const left = names.filter(name => this.#host.store.app(name)?.deletedAt === null)
    await this.round(left.map(app => ({ do: 'request', app, hold: 0, leaves: false })))
    await this.#sleepAll()
  }

  async #sleepAll(): Promise<void> {
    await this.round(names.map(app => ({ do: 'sleep', app })))
    assert.deepEqual(
      [...this.machine.containers.values()].map(one => `${one.name} ${one.state}`),
      [],
      'containers are left',
    )
  }

  /** Lets one turn after the other go on until the promise has settled and no turn is left. */
  async #drive(promise: Promise<unknown>): Promise<void> {
    let done = false
    promise.then(
      () => {
        done = true
      },
      () => {
        done = true
      },
    )
    let still = performance.now()
    for (;;) {
      // Real files and timers are waited for before the next turn is given, so that a run can be repeated.
      do await immediate()
      while (process.getActiveResourcesInfo().some(one => /^(FSReq|CloseReq)/.test(one)))
      if (this.#scheduler.count() > 0) {
        await this.#scheduler.waitNext(1)
        still = performance.now()
      } else if (done) {
        return promise.then(() => undefined)
      } else {
        if (performance.now() - still > 1_000) throw new Error(`stuck: ${this.#describe()}`)
        await sleep(1)
      }
    }
  }

  async #do(step: Step): Promise<void> {
    const host = this.#host
    const { apps, keeper } = host
    switch (step.do) {
      case 'request':
        return this.#ended(host, step, this.#request(host, step), [])
      case 'wake':
        return this.#ended(
          host,
          step,
          this.#instance(step.app).then(one => one.wake()),
          [],
        )
      case 'freeze':
        return this.#ended(
          host,
          step,
          this.#instance(step.app).then(one => one.freeze('manual')),
          ['freeze_refused'],
        )
      case 'sleep':
        return this.#ended(
          host,
          step,
          this.#instance(step.app).then(one => one.sleep('manual')),
          ['sleep_cancelled'],
        )
      case 'restart':
        return this.#ended(
          host,
          step,
          this.#instance(step.app).then(one => one.restart()),
          [],
        )
      case 'snapshot':
        return this.#ended(
          host,
          step,
          this.#instance(step.app).then(one => one.snapshot('manual')),
          [],
        )
      case 'rollback':
        return this.#ended(host, step, this.#rollback(host, step.app), ['release_not_ready'])
      case 'delete':
        return this.#ended(host, step, this.#delete(host, step.app), [])
      case 'deploy':
        return this.#ended(host, step, this.#deploy(host, step), [
          ...(step.behaviour === 'good' ? [] : ['release_not_ready']),
        ])
      case 'die': {
        const container = [...this.machine.containers.values()].find(one => one.labels.app === step.app)
        if (container?.state !== 'running' && container?.state !== 'paused') return
        this.#of(step.app).died = true
        if (!step.told) this.#untold.add(container.id)
        return this.machine.end(container.id, 1, true)
      }
      case 'vanish':
        return this.#vanish(host, step.app)
      case 'sweep':
        for (let times = 0; times < 3; times++) {
          keeper.sweep()
          // What is looked at before it is put to sleep has that done in the meantime, or not.
          await this.machine.turn('time passes')
          this.clock += step.ms
        }
        return
      case 'look':
        return this.#ended(host, step, apps.look(), [])
      case 'press':
        keeper.yieldOne()
        return
      case 'weigh':
        for (const name of names) this.machine.bytes.set(name, step.bytes[name])
        for (let looks = 0; looks < step.looks; looks++) await this.#ended(host, step, host.memory.look(), [])
        return
      case 'crash': {
        host.crash()
        const next = new FakeHost(this)
        this.#host = next
        return this.#ended(next, step, this.#reconcile(next), [])
      }
      case 'trouble':
        this.machine.fates = [...step.fates]
    }
  }

  /** Waits for a step's end; only what may be refused is. */
  async #ended(host: FakeHost, step: Step, promise: Promise<unknown>, allowed: string[]): Promise<void> {
    try {
      await Promise.race([promise, host.crashed.promise])
    } catch (error) {
      if (error instanceof Left) return
      if (error instanceof assert.AssertionError) throw error
      // What a crash tore apart says nothing.
      if (this.#host !== host) return
      const codes = new Set(allowed)
      if (this.#trouble) codes.add('engine_unavailable').add('wake_failed').add('app_lost')
      if ('app' in step) {
        const known = this.#of(step.app)
        if (known.absent) codes.add('unknown_app').add('no_release').add('being_deleted')
        if (known.died || this.#everTrouble) codes.add('app_crashed')
        // It may have been the trial of a new release that died.
        if (known.died) codes.add('release_not_ready')
        // A start is tried again once.
        if (known.removals > 1) codes.add('wake_failed').add('release_not_ready')
      }
      if (error instanceof Problem && codes.has(error.code)) return
      if (this.#trouble && (error instanceof EngineUnavailable || !(error instanceof Problem))) return
      const code = error instanceof Problem ? error.code : (error as Error).stack
      throw new assert.AssertionError({
        message: `${JSON.stringify(step)} failed: ${code}: ${messageOf(error)}`,
      })
    }
  }

  async #instance(name: Name) {
    return this.#host.apps.get(name)
  }

  /** What the edge does for a request that writes a file and is answered once it is written. */
  async #request(host: FakeHost, step: Extract<Step, { do: 'request' }>): Promise<void> {
    const { app: name, hold, leaves, quiet = false } = step
    const client = new AbortController()
    if (leaves) void this.machine.turn(`client of ${name} leaves`).then(() => client.abort(new Left()))
    const instance = host.apps.get(name)
    const lease = quiet
      ? instance.quietLease()
      : (instance.lease() ?? (await instance.acquire(client.signal)))
    if (lease === undefined) return
    try {
      const container = this.machine.at(lease.upstream.host)
      for (let turns = hold; turns >= 0; turns--) {
        if (this.#host !== host) return
        if (lease.revoked.aborted) return
        const now = this.machine.at(lease.upstream.host)
        if (now === undefined || now !== container) {
          // It died or was removed under the request, or was told to end by a call that was given up: nobody put it
          // to sleep.
          const { died, removals } = this.#of(name)
          if (container === undefined || container.died || died || removals > 0 || this.#everTrouble) return
          assert.fail(`a request of ${name} holds a lease of ${container.id}, which is ${container.state}`)
        }
        const value = `v${++this.#values}`
        now.disk.set(value, 'written')
        this.#of(name).acknowledged.push({ value, release: now.disk.get('release') ?? '' })
        if (turns > 0) await this.machine.turn(`${name} works`)
      }
    } finally {
      lease.release()
    }
  }

  /** What `Deployer` does around `replace`. */
  async #deploy(host: FakeHost, { app, fresh, behaviour }: Step & { do: 'deploy' }): Promise<void> {
    const { store, apps, engine } = host
    if (host.deploying.has(app)) return
    host.deploying.add(app)
    try {
      await apps.settled
      const known = store.app(app)
      if (known?.deletedAt) return
      const release = this.#makeRelease(app, behaviour)
      try {
        store.createApp(app, this.clock)
        await apps.instance(app).goOnAs('deploy', async was => {
          const state = fresh ? undefined : this.#carry(host, was, release)
          return {
            ...releaseAlone(store, release),
            image: state?.image ?? release.image,
            commit: () => store.promote(release, undefined, state),
            discard: async () => state && (await engine.removeImage(state.image)),
          }
        })
      } catch (error) {
        await engine.removeImage(release.image).catch(() => undefined)
        if (store.app(app)?.release === null) await apps.delete(app)
        throw error
      }
    } finally {
      host.deploying.delete(app)
    }
  }

  /** What a sleeping app has written, put onto another release. */
  #carry(host: FakeHost, was: App, release: Release): Snapshot | undefined {
    const { store } = host
    const from = was.snapshot === null ? undefined : store.snapshot(was.name, was.snapshot)
    if (!from) return undefined
    const number = store.nextSnapshot(was.name)
    const tag = snapshotTag(store.hostId, was.name, number)
    const base = this.machine.image(release.image)
    const disk = new Map([...this.machine.image(from.image).disk, ...base.disk])
    const labels: Labels = { ...base.labels, role: 'snapshot', generation: was.generation }
    const image = this.machine.addImage(tag, labels, base.behaviour, disk, base.layers)
    const as = { number, generation: was.generation + 1, reason: 'carried', tag, at: 0 } as const
    return toSnapshot({ app: was, release, size: 1 }, { size: 1, layers: image.layers }, as)
  }

  async #rollback(host: FakeHost, name: Name): Promise<void> {
    const { store, apps, engine } = host
    const target = store.snapshots(name)[0]
    if (!target || host.deploying.has(name)) return
    const release = store.release(name, target.release)
    assert.ok(release)
    const known = this.#of(name)
    await apps.instance(name).goOnAs('rollback', async was => {
      const number = store.nextSnapshot(name)
      const tag = snapshotTag(store.hostId, name, number)
      const { labels, behaviour, disk, layers } = this.machine.image(target.image)
      const image = this.machine.addImage(
        tag,
        { ...labels, generation: was.generation },
        behaviour,
        disk,
        layers,
      )
      const as = { number, generation: was.generation + 1, reason: 'rollback', tag, at: 0 } as const
      const state = toSnapshot({ app: was, release, size: 1 }, { size: 1, layers: image.layers }, as)
      return {
        ...releaseAlone(store, release),
        image: tag,
        commit: () => {
          store.rollBack(name, release.number, state)
          known.acknowledged = known.acknowledged.filter(one => disk.has(one.value))
        },
        discard: () => engine.removeImage(tag),
      }
    })
  }

  async #delete(host: FakeHost, name: Name): Promise<void> {
    host.apps.get(name)
    await host.apps.delete(name)
  }

  /** As the host does: until the engine lets it. */
  async #reconcile(host: FakeHost): Promise<void> {
    for (;;) {
      try {
        return await host.apps.reconcile()
      } catch (error) {
        if (!this.#trouble) throw error
        await this.machine.turn('reconcile again')
      }
    }
  }

  /** Somebody removes the app's container by hand: only what it wrote since its newest snapshot goes. */
  #vanish({ store }: FakeHost, name: Name): void {
    const container = [...this.machine.containers.values()].find(one => one.labels.app === name)
    if (!container) return
    const known = this.#of(name)
    known.removals++
    this.machine.remove(container.id)
    const app = store.app(name)
    const launch = store.launch(name)
    if (!app || !launch || container.labels.generation !== app.generation) return
    const { disk } = this.machine.image(store.liveSnapshot(app)?.image ?? launch.image)
    known.acknowledged = known.acknowledged.filter(one => disk.has(one.value))
  }

  #makeRelease(app: Name, behaviour: Behaviour): Release {
    const disk = new Map([['release', `r${++this.#releases}`]])
    return makeRelease(this.#host.store, this.machine, app, behaviour, disk)
  }

  #releaseId(release: Release): string {
    return this.machine.image(release.image).disk.get('release') ?? ''
  }

  #of(name: Name): Known {
    const known = this.#known.get(name)
    assert.ok(known)
    return known
  }

  #check(): void {
    const { store, apps } = this.#host
    for (const name of names) {
      const known = this.#of(name)
      const app = store.app(name)
      if (!app || app.deletedAt !== null) {
        assert.ok(known.absent, `${name} is gone and nobody deleted it`)
        known.acknowledged = []
        continue
      }
      for (const { image } of [...store.releases(name), ...store.snapshots(name)]) {
        assert.ok(this.machine.findImage(image), `the image ${image} of ${name} is gone`)
      }
      const launch = store.launch(name)
      if (!launch) continue
      const release = this.#releaseId(launch.release)
      if (known.dropping) known.acknowledged = known.acknowledged.filter(one => one.release === release)
      const container = [...this.machine.containers.values()].find(one => one.labels.app === name)
      // Where the container vanished while no host ran, the next wake finds that out, and this.
      const kept = store.liveSnapshot(app)?.image ?? launch.image
      const newest =
        container?.labels.generation === app.generation && container.labels.release === app.release
          ? container.disk
          : this.machine.image(kept).disk
      const lost = known.acknowledged.filter(one => newest.get(one.value) !== 'written')
      assert.deepEqual(lost, [], `${name} lost what it had acknowledged`)
    }
    if (this.machine.bytes.size > 0) this.#checkCharges()
    else this.#checkLimits()
    for (const one of apps.all()) {
      assert.deepEqual(one.load, { leases: 0, waiting: 0 }, `${one.name} has requests`)
      assert.ok(one.state !== 'waking' && one.state !== 'falling-asleep', `${one.name} stays ${one.state}`)
    }
    for (const container of this.machine.containers.values()) {
      if (container.state !== 'running' && container.state !== 'paused') continue
      assert.equal(
        apps.find(container.labels.app)?.container,
        container.id,
        `${container.id} runs and nobody knows`,
      )
      const frozen = apps.find(container.labels.app)?.frozen
      // Whether a freeze that failed came to pass is found out by the next request.
      if (this.#everTrouble && frozen) continue
      assert.equal(container.state === 'paused', frozen, `${container.id} is ${container.state}`)
    }
  }

  /** Nobody has looked at the memory: who is awake is charged its limit, or half of it once it goes on after it was frozen. */
  #checkLimits(): void {
    const { apps, keeper } = this.#host
    const up = [...apps.all()].filter(one => one.state === 'awake')
    const awake = up.length
    const wentOn = up.filter(({ container = '' }) => this.machine.containers.get(container)?.thawed).length
    const frozen = [...apps.all()].filter(one => one.frozen).length
    const charged = (keeper.used - (awake + frozen) * overhead) / (memory / 2)
    // What cannot be given back stays charged.
    const solid = this.#everTrouble ? frozen : 0
    assert.ok(
      charged >= 2 * awake - wentOn && charged <= 2 * (awake + solid) && Number.isInteger(charged),
      `memory is charged for ${charged} halves of instances, and ${awake} are awake (${wentOn} were frozen), ${frozen} frozen`,
    )
  }

  /** Who is up is charged for what it has and may need, and nobody else. */
  #checkCharges(): void {
    const { apps, keeper } = this.#host
    const up = [...apps.all()].filter(one => one.state === 'awake' || one.frozen)
    const charges = up.map(({ container = '', resources }) => {
      const bytes = this.machine.memory([container]).get(container)
      assert.ok(bytes !== undefined, `${container} is not there`)
      return Math.min(resources.has(bytes), keeper.budget)
    })
    const sum = charges.reduce((all, one) => all + one, 0)
    assert.equal(keeper.used / MiB, sum / MiB, `MiB are charged: ${this.#describe()}`)
  }

  #describe(): string {
    return [...this.#host.apps.all()]
      .map(one => `${one.name} ${one.state} ${JSON.stringify(one.load)}`)
      .join(', ')
  }
}
