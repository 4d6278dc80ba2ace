import assert from 'node:assert/strict'
import { test } from 'node:test'
import { file } from '../layers/sample-layers.ts'
import { Problem } from '../problem.ts'
import { Carrying } from './carrying.ts'
import { TimelineStage } from './fake-images.ts'

/** An app with a release and a state on top, and the image of its next release. */
async function staged(stage: TimelineStage) {
  const [one, two, state] = await Promise.all([
    stage.layer(file('app/main.js', 'one')),
    stage.layer(file('app/main.js', 'two')),
    stage.layer(file('app/note', 'state')),
  ])
  const first = stage.release('notes', [one])
  stage.sleep('notes', [one, state])
  const image = first.image.replace(':r1', ':r2')
  stage.images.add(image, { ...stage.images.find(first.image).labels, release: 2 }, [two])
  return { release: { ...first, number: 2, image }, files: new Map(), layers: [two, state] }
}

/** What stands between a look at a running app's disk and its being stopped. */
const running = (look: () => Promise<undefined>) => ({ name: 'notes', whileRunning: look })

test('the state of a sleeping app is put onto a release ahead, and that is what it goes on as', async () => {
  using stage = new TimelineStage()
  const { layers, ...to } = await staged(stage)
  const carrying = await Carrying.begin(
    stage.context,
    running(async () => undefined),
    to,
  )
  const made = stage.images.tags()
  const next = await carrying.next(stage.store.app('notes')!, 'carried', () => undefined)
  await carrying[Symbol.asyncDispose]()
  assert.deepEqual(stage.images.tags(), made)
  assert.deepEqual(stage.images.find(next.image).layers, layers)
})

test('what was made ahead and not used goes', async () => {
  using stage = new TimelineStage()
  const to = await staged(stage)
  const before = stage.images.tags()
  const carrying = await Carrying.begin(
    stage.context,
    running(async () => undefined),
    to,
  )
  assert.notDeepEqual(stage.images.tags(), before)
  await carrying[Symbol.asyncDispose]()
  assert.deepEqual(stage.images.tags(), before)
})

test('an engine on which nothing can be done ahead carries the state once the app is stopped', async () => {
  using stage = new TimelineStage()
  const { layers, ...to } = await staged(stage)
  const cannot = async () => {
    throw new Error('the freezer is not there')
  }
  await using carrying = await Carrying.begin(stage.context, running(cannot), to)
  const next = await carrying.next(stage.store.app('notes')!, 'carried', () => undefined)
  assert.deepEqual(stage.images.find(next.image).layers, layers)
})

test('what would fail with the app stopped too fails before that', async () => {
  using stage = new TimelineStage()
  const to = await staged(stage)
  const gone = new Problem({ code: 'image_gone', status: 409, detail: 'it is gone' })
  const before = stage.images.tags()
  await assert.rejects(
    Carrying.begin(
      stage.context,
      running(async () => {
        throw gone
      }),
      to,
    ),
    gone,
  )
  assert.deepEqual(stage.images.tags(), before)
})
