import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { TimelineStage } from './fake-images.ts'
import { rules } from './retention.ts'
import { Upkeep } from './upkeep.ts'

const labelsOf = (stage: TimelineStage, image: string) => stage.images.find(image).labels

/** An app with more snapshots than are kept, all of one day. */
function sleepALot(stage: TimelineStage, app: string): void {
  stage.release(app, ['sha256:1'])
  for (let n = 0; n < rules.last + 3; n++) stage.sleep(app, ['sha256:1', 'sha256:2'])
}

/** Begins the upkeep of a host that has started. */
async function begin(stage: TimelineStage, options = {}): Promise<Upkeep> {
  await stage.apps.reconcile()
  const upkeep = new Upkeep(stage.context, stage.apps, options)
  upkeep.start()
  await immediate()
  return upkeep
}

/** Resolves once what goes on in the background, all of it in memory, has come to that. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    assert.ok(turn < 2000, 'it never came to that')
    await immediate()
  }
}

/** Resolves once the engine is asked for something. */
function asked(stage: TimelineStage, call: string): { reached: Promise<void>; go: () => void } {
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const { promise: held, resolve: go } = Promise.withResolvers<void>()
  stage.images.before = async what => {
    if (what !== call) return
    stage.images.before = () => undefined
    resolve()
    await held
  }
  return { reached, go }
}

test('an app that comes after a deleted one of the same name is tidied like any other', async () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'])
  const upkeep = await begin(stage)
  {
    await using _ = upkeep
    // What is to be done for it waits in the line while it is deleted.
    stage.release('other', ['sha256:1'], { layers: 0 })
    const { reached, go } = asked(stage, 'image')
    stage.context.changes.emit('change', 'other')
    await reached
    stage.context.changes.emit('change', 'notes')
    const deleted = stage.apps.delete('notes')
    go()
    await deleted
    sleepALot(stage, 'notes')
    stage.context.changes.emit('change', 'notes')
    await until(() => stage.store.snapshots('notes').length === rules.last)
  }
})

/** Deletes the app when the engine is asked to remove that image, and makes another one of its name. */
function replacedAt(stage: TimelineStage, app: string, removed: RegExp, make: () => void): void {
  stage.images.before = async (call, reference) => {
    if (call !== 'removeImage' || !removed.test(reference)) return
    stage.images.before = () => undefined
    await stage.apps.delete(app)
    stage.clock += 1000
    make()
  }
}

test('an app that comes after a deleted one of the same name keeps the snapshots that were that one’s to forget', async () => {
  using stage = new TimelineStage()
  sleepALot(stage, 'notes')
  replacedAt(stage, 'notes', /:s1$/, () => {
    stage.release('notes', ['sha256:1'])
    for (let n = 0; n < 3; n++) stage.sleep('notes', ['sha256:1', 'sha256:2'])
  })
  {
    await using _ = await begin(stage)
  }
  assert.deepEqual(
    stage.store.snapshots('notes').map(({ number }) => number),
    [1, 2, 3],
  )
})

test('an app that comes after a deleted one of the same name keeps the images of its releases', async () => {
  using stage = new TimelineStage()
  for (let n = 0; n < rules.releases + 3; n++) stage.release('notes', ['sha256:1'])
  replacedAt(stage, 'notes', /:r1$/, () => {
    for (let n = 0; n < 3; n++) stage.release('notes', ['sha256:1'])
  })
  {
    await using _ = await begin(stage)
  }
  const { image } = stage.store.launch('notes') ?? {}
  assert.match(image ?? '', /:r3$/)
  assert.ok(stage.images.tags().includes(image ?? ''))
})

test('snapshots of an app that cannot be compacted are forgotten all the same', {
  timeout: 10_000,
}, async () => {
  using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
  stage.release('notes', ['sha256:1'])
  for (let n = 0; n < rules.last + 3; n++) stage.sleep('notes', ['sha256:0', 'sha256:2', 'sha256:3'])
  await using _ = await begin(stage)
  await until(() => stage.store.snapshots('notes').length === rules.last)
})

test('a release that a rollback goes back to stays', async () => {
  using stage = new TimelineStage()
  for (let n = 0; n < rules.releases + 2; n++) stage.release('notes', ['sha256:1'])
  {
    using _claim = stage.apps.claim('notes')
    await using _ = await begin(stage)
  }
  assert.equal(stage.store.releases('notes').length, rules.releases + 2)
  {
    await using _ = await begin(stage)
    await immediate()
  }
  assert.equal(stage.store.releases('notes').length, rules.releases)
})

test('going back to a release that is gone leaves the app as it is', () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'])
  const before = stage.store.app('notes')
  assert.throws(() => stage.store.rollBack('notes', 7))
  assert.deepEqual(stage.store.app('notes'), before)
})

test('an image is not made again for an app that is deleted meanwhile', async () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'])
  const { image } = stage.sleep('notes', ['sha256:1', 'sha256:2'])
  stage.store.addCopy(image, {
    labels: labelsOf(stage, image),
    manifest: { config: '{}', layers: ['sha256:1', 'sha256:2'] },
  })
  await using upkeep = await begin(stage)
  stage.images.remove(image)
  const { reached, go } = asked(stage, 'assemble')
  upkeep.look()
  await reached
  const deleted = stage.apps.delete('notes')
  await immediate()
  go()
  await deleted
  await upkeep[Symbol.asyncDispose]()
  assert.deepEqual(stage.images.tags(), [])
})

test('a shutdown waits for upkeep that takes long no longer than it is told to', async () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'], { layers: 0 })
  const { reached, go } = asked(stage, 'image')
  const upkeep = await begin(stage, { endTimeout: 20 })
  await reached
  await upkeep[Symbol.asyncDispose]()
  go()
})

test('a start with many apps looks at them with pauses for visitors, and once at what all of them take', async () => {
  using stage = new TimelineStage()
  const names = Array.from({ length: 6 }, (_, n) => `app-${n}`)
  for (const name of names) sleepALot(stage, name)
  let looks = 0
  Object.defineProperty(stage.store, 'snapshotBytes', {
    get() {
      looks++
      return 0
    },
  })
  const tidied = () => names.filter(name => stage.store.snapshots(name).length === rules.last).length
  await using _ = await begin(stage)
  assert.ok(tidied() < names.length / 2, `${tidied()} at once`)
  await until(() => looks > 0)
  assert.equal(tidied(), names.length)
  assert.equal(looks, 1)
})
