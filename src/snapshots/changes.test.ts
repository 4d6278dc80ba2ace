import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from '../engine/engine.ts'
import { file, folder } from '../layers/sample-layers.ts'
import { Carrying } from './carrying.ts'
import { changesOf, firstOf } from './changes.ts'
import { TimelineStage } from './fake-images.ts'
import { backToRelease } from './rollback.ts'

const added = (path: string): Change => ({ path, kind: 'added' })

test('of a snapshot’s changes so many are kept as take little to store and to answer with', () => {
  const few = [added('/a'), added('/b')]
  assert.deepEqual(firstOf(few), few)
  assert.deepEqual(firstOf([]), [])
  const many = Array.from({ length: 20_000 }, (_, n) => added(`/${n}`))
  assert.deepEqual(firstOf(many), many.slice(0, 10_000))
  // An app can give ten thousand files the longest names that there are.
  const long = Array.from({ length: 10_000 }, (_, n) => added(`/${'x'.repeat(4000)}${n}`))
  const kept = firstOf(long)
  assert.ok(kept.length > 200 && JSON.stringify(kept).length < 1.1 * 1024 * 1024, `${kept.length}`)
  assert.deepEqual(kept, long.slice(0, kept.length))
})

test('what a deleted app changed is not kept as what one of the same name changed', async () => {
  using stage = new TimelineStage()
  const code = await stage.layer(folder('app'))
  stage.release('notes', [code])
  const old = stage.sleep('notes', [code, await stage.layer(file('app/old.txt'))])
  const { layers } = stage.context
  const listing = layers.listing.bind(layers)
  layers.listing = async layer => {
    layers.listing = listing
    await stage.apps.delete('notes')
    stage.clock += 1000
    stage.release('notes', [code])
    stage.sleep('notes', [code, await stage.layer(file('app/new.txt'))])
    return listing(layer)
  }
  await changesOf(stage.context, old)
  const snapshot = stage.store.snapshot('notes', 1)
  assert.ok(snapshot)
  assert.equal(snapshot.changed, null)
  assert.deepEqual((await changesOf(stage.context, snapshot)).changes, [added('/app/new.txt')])
})

test('after a rollback to a release everything counts that was put onto it; of the sleep before, what it added', async () => {
  using stage = new TimelineStage()
  const { store, context, apps } = stage
  const first = stage.release('notes', [await stage.layer(folder('app'), file('app/main.js', 'one'))])
  const code = await stage.layer(folder('app'), file('app/main.js', 'two'))
  stage.release('notes', [code])
  const state = [await stage.layer(file('app/a.txt', 'a')), await stage.layer(file('app/b.txt', 'b'))]
  stage.sleep('notes', [code, ...state.slice(0, 1)])
  const asleep = stage.sleep('notes', [code, ...state], { reason: 'rollback' })
  await using carrying = await Carrying.begin(context, apps.get('notes'), {
    release: first,
    files: store.releaseFiles('notes', 1),
  })
  const app = store.app('notes')
  assert.ok(app)
  const next = await backToRelease(context, app, first, carrying)
  next.commit()
  const back = store.snapshot('notes', 3)
  assert.equal(back?.reason, 'rollback')
  assert.deepEqual((await changesOf(context, back)).changes, [added('/app/a.txt'), added('/app/b.txt')])
  assert.deepEqual((await changesOf(context, asleep)).changes, [added('/app/b.txt')])
})
