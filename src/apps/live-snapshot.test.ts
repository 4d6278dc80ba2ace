import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Snapshot } from '../store/records.ts'
import { FakeMachine } from './fake-engine.ts'
import { FakeHost, makeRelease } from './fake-world.ts'

/** A host with the app `a` that has written a file; steps of the engine can be waited for. */
class Stage {
  readonly data = mkdtempSync(join(tmpdir(), 'dormice-live-'))
  before: (what: string) => Promise<void> | void = () => undefined
  readonly machine = new FakeMachine(
    async what => this.before(what),
    (container, code) => this.host.apps.died(container, code),
  )
  clock = 1
  host = new FakeHost(this)

  constructor(t: TestContext) {
    const { store, apps } = this.host
    store.createApp('a', 1)
    store.promote(makeRelease(store, this.machine, 'a', 'good'))
    apps.instance('a')
    t.after(() => {
      this.host.store[Symbol.dispose]()
      rmSync(this.data, { recursive: true, force: true })
    })
  }

  get app() {
    return this.host.apps.get('a')
  }

  async disk() {
    const lease = await this.app.acquire(new AbortController().signal)
    const disk = this.machine.at(lease.upstream.host)?.disk
    lease.release()
    assert.ok(disk)
    return disk
  }

  crash(): void {
    this.host.crash()
    this.host = new FakeHost(this)
  }

  /** As retention and `dormice forget` do it. */
  async forget(snapshot: Snapshot): Promise<void> {
    assert.ok(this.host.store.forgetSnapshot(snapshot))
    await this.host.engine.removeImage(snapshot.image)
  }
}

test('a snapshot of the running app that is deleted while the app falls asleep on the same disk takes nothing along', async t => {
  const stage = new Stage(t)
  ;(await stage.disk()).set('file', 'written')
  const live = await stage.app.snapshot('manual')
  assert.ok(live)
  // It was found, and is compared with what was committed.
  stage.before = async what => {
    if (what !== `answer look at ${live.image}`) return
    stage.before = () => undefined
    await stage.forget(live)
  }
  await stage.app.sleep('manual')
  assert.equal((await stage.disk()).get('file'), 'written')
})

test('a sleep while the newest snapshot is being deleted keeps its own', async t => {
  const stage = new Stage(t)
  ;(await stage.disk()).set('file', 'written')
  const live = await stage.app.snapshot('manual')
  assert.ok(live)
  ;(await stage.disk()).set('other', 'written')
  // The store has forgotten it, and the engine takes its time.
  let slept = false
  stage.before = async what => {
    if (what !== `remove ${live.image}` || slept) return
    slept = true
    await stage.app.sleep('manual')
  }
  await stage.forget(live)
  assert.ok(slept)
  assert.equal((await stage.disk()).get('other'), 'written')
})

test('the number of a deleted snapshot is never another one’s', async t => {
  const stage = new Stage(t)
  const { store } = stage.host
  ;(await stage.disk()).set('file', 'written')
  const live = await stage.app.snapshot('manual')
  assert.ok(live)
  await stage.forget(live)
  const next = await stage.app.sleep('manual')
  assert.equal(next?.number, live.number + 1)
  assert.equal(store.nextSnapshot('a'), live.number + 2)
})

test('an app whose container was removed while no host ran wakes from its newest snapshot, and keeps what it writes then', async t => {
  const stage = new Stage(t)
  ;(await stage.disk()).set('file', 'written')
  await stage.app.snapshot('manual')
  stage.crash()
  for (const id of stage.machine.containers.keys()) stage.machine.remove(id)
  const disk = await stage.disk()
  assert.equal(disk.get('file'), 'written')
  disk.set('other', 'written')
  stage.crash()
  await stage.host.apps.reconcile()
  assert.deepEqual([...(await stage.disk()).keys()].sort(), ['file', 'other'])
})
