import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DiffId } from '../engine/engine.ts'
import { file, folder } from '../layers/sample-layers.ts'
import { compact, compactIfUrgent } from './compaction.ts'
import { TimelineStage } from './fake-images.ts'

/** An app whose release an earlier version had deployed, which did not note of what size its image is. */
async function migrated(stage: TimelineStage, states: number) {
  const base = await stage.layer(folder('app'), file('app/server.js', 'code'))
  const top = await stage.layer(file('app/package.json', '{}'))
  stage.release('notes', [base, top], { size: 0, layers: 0 })
  const layers = [base, top]
  for (let n = 0; n < states; n++) layers.push(await stage.layer(file(`app/${n}.txt`, `written ${n}`)))
  return stage.sleep('notes', layers, { generation: 0, bytes: 0, size: 200 * 1024 * 1024 })
}

test('an app of an earlier version, whose release’s size is not known, keeps its image however often it is compacted', async () => {
  using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '3' })
  await migrated(stage, 3)
  for (let n = 0; n < 4; n++) {
    await compact(stage.context, stage.apps, 'notes')
    await compactIfUrgent(stage.context, stage.apps, 'notes')
    const image = stage.store.launch('notes')?.image ?? ''
    assert.ok(stage.images.tags().includes(image), `after ${n + 1}: ${image} is gone`)
  }
  assert.equal(stage.store.launch('notes')?.size, 300)
})

test('a state of one layer is not merged, however deep it lies', async () => {
  using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
  const { image } = await migrated(stage, 1)
  await compact(stage.context, stage.apps, 'notes')
  assert.equal(stage.store.launch('notes')?.image, image)
})

test('what was merged for an app that is deleted meanwhile goes', async () => {
  using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
  await migrated(stage, 3)
  stage.images.before = async (call, tag) => {
    if (call !== 'assemble') return
    stage.images.before = () => undefined
    assert.match(tag, /:s1-/)
    await stage.apps.delete('notes')
  }
  await compact(stage.context, stage.apps, 'notes')
  assert.deepEqual(stage.images.tags(), [])
})

/** Runs once, before the engine is asked for that. */
function once(stage: TimelineStage, call: string, act: (reference: string) => Promise<void>): void {
  stage.images.before = async (what, reference) => {
    if (what !== call) return
    stage.images.before = () => undefined
    await act(reference)
  }
}

/** A sleeping app with a layer of code and so many of state, each with a file that is named after the text. */
async function sleeping(stage: TimelineStage, text: string, states: number) {
  const code = await stage.layer(folder('app'), file('app/server.js', 'code'))
  stage.release('notes', [code])
  const state: DiffId[] = []
  for (let n = 0; n < states; n++) state.push(await stage.layer(file(`app/${text}-${n}.txt`, text)))
  return stage.sleep('notes', [code, ...state])
}

/** Deletes the app; what is made from then on is of another time. */
async function deleteApp(stage: TimelineStage): Promise<void> {
  await stage.apps.delete('notes')
  stage.clock += 1000
}

test('an app that wakes and sleeps again while it is compacted, and is compacted at once then, keeps its image', async () => {
  using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
  await sleeping(stage, 'text', 5)
  once(stage, 'assemble', () => compactIfUrgent(stage.context, stage.apps, 'notes'))
  await compact(stage.context, stage.apps, 'notes')
  const { image, release } = stage.store.launch('notes') ?? {}
  assert.match(image ?? '', /:s1-/)
  assert.deepEqual(stage.images.tags(), [release?.image, image])
})

test('an app that comes after a deleted one of the same name does not get what was merged for that one', async () => {
  using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
  await sleeping(stage, 'old', 3)
  once(stage, 'assemble', async () => {
    await deleteApp(stage)
    await sleeping(stage, 'new', 1)
  })
  await compact(stage.context, stage.apps, 'notes')
  const { image, release } = stage.store.launch('notes') ?? {}
  assert.match(image ?? '', /:s1$/)
  assert.deepEqual(stage.images.tags(), [release?.image, image])
  const state = stage.images.find(image ?? '').layers.slice(1)
  const listings = await Promise.all(state.map(layer => stage.context.layers.listing(layer)))
  assert.deepEqual(
    listings.flat().map(({ path }) => path),
    ['app/new-0.txt'],
  )
})

test('a release is not taken to be as large as one of the same name that was deleted', async () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'], { layers: 0 })
  once(stage, 'image', async () => {
    await deleteApp(stage)
    stage.release('notes', ['sha256:1', 'sha256:2'], { size: 7 })
  })
  await compact(stage.context, stage.apps, 'notes')
  const { size, layers } = stage.store.release('notes', 1) ?? {}
  assert.deepEqual({ size, layers }, { size: 7, layers: 2 })
})

for (const failing of ['assemble', 'flush']) {
  test(`what was merged goes when it fails at last, as the engine does at "${failing}"`, async () => {
    using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
    const { image } = await sleeping(stage, 'text', 5)
    const before = stage.images.tags()
    const failsLate = async (tag: string) => {
      const { labels, layers } = stage.images.find(image)
      stage.images.add(tag, labels, layers)
      throw new Error('no answer')
    }
    once(stage, failing, failsLate)
    await assert.rejects(compact(stage.context, stage.apps, 'notes'), /no answer/)
    once(stage, failing, failsLate)
    await assert.rejects(compactIfUrgent(stage.context, stage.apps, 'notes'), /no answer/)
    assert.deepEqual(stage.images.tags(), before)
    assert.equal(stage.store.launch('notes')?.image, image)
  })
}

describe('a sleep of an app with many layers while it is forked, exported or deployed', () => {
  test('leaves the image that is read', async () => {
    using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
    const { image } = await sleeping(stage, 'text', 5)
    {
      using _claim = stage.apps.claim('notes')
      await compactIfUrgent(stage.context, stage.apps, 'notes')
      assert.equal(stage.store.launch('notes')?.image, image)
      assert.ok(stage.images.tags().includes(image))
    }
    await compactIfUrgent(stage.context, stage.apps, 'notes')
    assert.notEqual(stage.store.launch('notes')?.image, image)
  })

  test('leaves it also when that begins only while its layers are merged', async () => {
    using stage = new TimelineStage({ DORMICE_COMPACT_DEPTH: '2' })
    const { image } = await sleeping(stage, 'text', 5)
    const before = stage.images.tags()
    once(stage, 'assemble', async () => void stage.apps.claim('notes'))
    await compactIfUrgent(stage.context, stage.apps, 'notes')
    assert.equal(stage.store.launch('notes')?.image, image)
    assert.deepEqual(stage.images.tags(), before)
  })

  test('merges them before the engine takes no more, for what the app wrote is worth more', async () => {
    using stage = new TimelineStage()
    const { layers: few } = await sleeping(stage, 'text', 1)
    assert.equal(few, 2)
    const [code, state] = stage.images.find(stage.store.launch('notes')?.image ?? '').layers as [
      DiffId,
      DiffId,
    ]
    using _claim = stage.apps.claim('notes')
    const merged: boolean[] = []
    for (const depth of [118, 119]) {
      const { image } = stage.sleep('notes', [code, ...Array<DiffId>(depth).fill(state)])
      await compactIfUrgent(stage.context, stage.apps, 'notes')
      merged.push(stage.store.launch('notes')?.image !== image)
    }
    assert.deepEqual(merged, [false, true])
  })
})
