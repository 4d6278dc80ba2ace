import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { TimelineStage } from './fake-images.ts'
import { Timeline } from './timeline.ts'

test('a fork that is deleted while it is made leaves nothing', async () => {
  using stage = new TimelineStage()
  await stage.apps.reconcile()
  stage.release('notes', ['sha256:1'])
  stage.sleep('notes', ['sha256:1', 'sha256:2'])
  const before = stage.images.tags()
  let deleted = false
  stage.images.before = async (call, tag) => {
    if (call !== 'assemble' || !tag.includes('/copy:s')) return
    deleted = true
    await stage.apps.delete('copy')
  }
  const timeline = new Timeline(stage.context, stage.apps)
  await assert.rejects(timeline.fork('notes', 'copy'), { code: 'unknown_app' })
  assert.ok(deleted)
  assert.deepEqual(stage.images.tags(), before)
  assert.equal(stage.store.app('copy'), undefined)
})

test('a fork waits until what a crash left is cleared up, which takes an app without a release for that', async () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'])
  stage.sleep('notes', ['sha256:1', 'sha256:2'])
  const timeline = new Timeline(stage.context, stage.apps)
  const forked = timeline.fork('notes', 'copy')
  for (let turn = 0; turn < 20; turn++) await immediate()
  assert.equal(stage.store.app('copy'), undefined)
  await stage.apps.reconcile()
  await forked
  assert.ok(stage.images.tags().includes(stage.store.launch('copy')?.image ?? ''))
})

test('a fork is taken to need as much memory as what it is made of, if it has the same code', async () => {
  using stage = new TimelineStage()
  await stage.apps.reconcile()
  stage.release('notes', ['sha256:1'])
  const earlier = stage.sleep('notes', ['sha256:1', 'sha256:2'])
  for (let look = 0; look < 3; look++) stage.apps.get('notes').resources.has(40_000_000)
  const timeline = new Timeline(stage.context, stage.apps)
  await timeline.fork('notes', 'copy')
  assert.equal(stage.apps.get('copy').resources.needs, 40_000_000)
  assert.equal(stage.store.app('copy')?.peakMemory, 40_000_000)
  assert.equal(stage.store.usualPeak(), 40_000_000)
  await timeline.fork('copy', 'copy-of-copy')
  assert.equal(stage.apps.get('copy-of-copy').resources.needs, 40_000_000)
  stage.release('notes', ['sha256:3'])
  await timeline.fork('notes', 'of-earlier-code', earlier.number)
  assert.equal(stage.apps.get('of-earlier-code').resources.needs, undefined)
})

test('a deleted app leaves no copy, also not of an image that it got while it was being deleted', async () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'])
  const snapshot = stage.sleep('notes', ['sha256:1', 'sha256:2'])
  const { labels } = stage.images.find(snapshot.image)
  stage.images.before = call => {
    if (call !== 'images') return
    stage.store.replaceImage(snapshot, { ...snapshot, image: 'compacted' })
    stage.store.addCopy('compacted', { labels, manifest: { config: '{}', layers: ['sha256:3'] } })
  }
  await stage.apps.delete('notes')
  assert.deepEqual([...stage.store.copiedLayers()], [])
})

test('going back to the release that the app has does not even put it to sleep', async () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'])
  stage.sleep('notes', ['sha256:1', 'sha256:2'])
  const timeline = new Timeline(stage.context, stage.apps)
  const calls: string[] = []
  stage.images.before = call => void calls.push(call)
  await assert.rejects(timeline.rollback('notes', { release: 1 }), { code: 'already_there' })
  assert.deepEqual(calls, [])
})
