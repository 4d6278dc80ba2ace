import assert from 'node:assert/strict'
import { test } from 'node:test'
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
    await compactIfUrgent(stage.context, 'notes')
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
