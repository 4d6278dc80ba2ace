import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Processor } from './processor.ts'
import { VirtualTime } from './virtual-time.ts'

const { signal } = new AbortController()

test('what is due goes on in its order, each with what follows from it, however far away it is', async () => {
  const time = new VirtualTime()
  const seen: [what: string, at: number][] = []
  const note = (what: string) => seen.push([what, time.now()])
  for (const ms of [30, 10, 20, 10]) time.after(ms, () => note(`after ${ms}`))
  void time.sleep(15).then(async () => {
    note('slept')
    await time.sleep(86_400_000)
    note('slept again')
  })
  await time.until(100, signal)
  assert.equal(time.now(), 100)
  await time.until(90_000_000, signal)
  assert.deepEqual(seen, [
    ['after 10', 10],
    ['after 10', 10],
    ['slept', 15],
    ['after 20', 20],
    ['after 30', 30],
    ['slept again', 86_400_015],
  ])
})

test('a timeout aborts when its virtual time is over', async () => {
  const time = new VirtualTime()
  const timeout = time.timeout(1_000)
  await time.until(999, signal)
  assert.equal(timeout.aborted, false)
  await time.until(1_000, signal)
  assert.equal(timeout.aborted, true)
})

test('what goes on at once takes longer where there are fewer cores for it', async () => {
  const time = new VirtualTime()
  const processor = new Processor(time, 2)
  const done: [task: string, at: number][] = []
  const work = (task: string, ms: number) =>
    void processor.work(ms).then(() => done.push([task, Math.round(time.now())]))
  work('alone', 100)
  await time.until(100, signal)
  work('a', 100)
  work('b', 100)
  work('long', 200)
  await time.until(1_000, signal)
  // Three share two cores until two have had theirs; the third then has one for itself.
  assert.deepEqual(done, [
    ['alone', 100],
    ['a', 250],
    ['b', 250],
    ['long', 350],
  ])
})
