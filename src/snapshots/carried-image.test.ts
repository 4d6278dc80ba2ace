import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiffId } from '../engine/engine.ts'
import { file, folder } from '../layers/sample-layers.ts'
import { makeCarried } from './carried-image.ts'
import { TimelineStage } from './fake-images.ts'
import { nextSnapshotImage } from './images.ts'

/* While a deploy goes on, the app's layers are not merged: what it makes of them must have few enough. */

for (const [depth, layers] of [
  [98, 100],
  [99, 2 + 1],
  [118, 2 + 1],
] as const) {
  test(`what an app wrote in ${depth} layers is on the next release an image of ${layers}`, async () => {
    using stage = new TimelineStage()
    const first = stage.release('notes', [await stage.layer(folder('app'), file('app/main.js', 'one'))])
    const code = [await stage.layer(folder('app')), await stage.layer(file('app/main.js', 'two'))]
    const release = stage.release('notes', code)
    const app = stage.store.app('notes')
    assert.ok(app)
    const state = Array<DiffId>(depth).fill(await stage.layer(file('app/data.txt', 'written')))
    const disk = [...stage.images.find(first.image).layers, ...state]
    const as = nextSnapshotImage(stage.context, app, release.number)
    const image = await makeCarried(stage.context, first, { release, files: new Map() }, disk, as)
    assert.equal(image.layers.length, layers)
    assert.deepEqual(image.layers.slice(0, 2), code)
  })
}
