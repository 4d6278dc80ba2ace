import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { appDisk, hostDisk } from './disk.ts'
import { TimelineStage } from './fake-images.ts'

test('all apps’ snapshots take what each app’s take, whatever their timelines are', () => {
  const snapshot = fc.record({
    layers: fc.integer({ min: 1, max: 4 }),
    size: fc.integer({ min: 0, max: 500 }),
    bytes: fc.nat(100),
    generation: fc.integer({ min: 1, max: 4 }),
    source: fc.constantFrom(null, null, null, 1),
    deploys: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
  })
  fc.assert(
    fc.property(fc.array(fc.array(snapshot, { maxLength: 6 }), { minLength: 1, maxLength: 3 }), timelines => {
      using stage = new TimelineStage()
      for (const [n, timeline] of timelines.entries()) {
        const app = `app${n}`
        stage.release(app, ['sha256:1', 'sha256:2'])
        for (const { layers, deploys, ...as } of timeline) {
          if (deploys) stage.release(app, ['sha256:1'])
          stage.sleep(app, Array(layers).fill('sha256:3'), as)
        }
      }
      const each = stage.store.apps().map(({ name }) => appDisk(stage.context, name).used)
      assert.equal(
        hostDisk(stage.context).used,
        each.reduce((sum, used) => sum + used, 0),
      )
    }),
    { numRuns: 30 },
  )
})

test('several snapshots of an app that goes on running are not each counted with everything that it ever wrote', () => {
  using stage = new TimelineStage()
  stage.release('notes', ['sha256:1'])
  stage.sleep('notes', ['sha256:1', 'sha256:2'], { size: 1100, bytes: 1000 })
  const { generation } = stage.store.app('notes') ?? { generation: 0 }
  const running = { size: 1110, layers: 3, bytes: 10, generation }
  const [first] = stage.store.snapshots('notes')
  assert.ok(first)
  for (const number of [2, 3]) {
    stage.store.addLiveSnapshot({ ...first, ...running, number, image: `live${number}` })
  }
  // What it falls asleep with lies beside them.
  stage.sleep('notes', ['sha256:1', 'sha256:2', 'sha256:3'], { size: 1110, bytes: 10 })
  assert.equal(appDisk(stage.context, 'notes').used, 1030)
})
