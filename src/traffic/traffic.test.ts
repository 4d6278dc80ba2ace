import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import { silent } from '../log.ts'
import { Store } from '../store/store.ts'
import { record } from './fixture.ts'
import { countOf } from './latency.ts'
import { hourMs, Traffic } from './traffic.ts'

const noon = Date.parse('2026-01-02T12:00:00Z')

/** A store with the app `notes`, and traffic beside it at a time that the test sets. */
function setUp(t: TestContext) {
  const store = new Store(join(newFolder('traffic'), 'dormice.db'))
  t.after(() => store[Symbol.dispose]())
  store.createApp('notes', 1)
  const clock = { now: noon + 60_000 }
  const warned: string[] = []
  const log = { ...silent, warn: (event: string) => warned.push(event) }
  const start = () => new Traffic({ store, log, now: () => clock.now })
  return { store, clock, warned, start, traffic: start() }
}

test('requests are counted by status, and by who broke them off', t => {
  const { traffic } = setUp(t)
  for (const status of [101, 200, 204, 301, 404, 404, 503]) traffic.add(record({ status, received: 1 }))
  traffic.add(record({ status: 0, sent: 0, aborted: 'visitor', upstreamMs: undefined }))
  traffic.add(record({ status: 200, aborted: 'app' }))
  traffic.add(record({ status: 502, code: 'app_broken_answer', upstreamMs: undefined }))
  const [{ hour, figures } = assert.fail()] = traffic.hours('notes', 0)
  assert.equal(hour, noon)
  const { latency, ...counted } = figures
  assert.deepEqual(counted, {
    statuses: [1, 1, 3, 1, 2, 2],
    aborted: { visitor: 1, app: 1, edge: 0 },
    byEdge: 1,
    received: 7,
    sent: 45,
    wakes: 0,
  })
  assert.equal(countOf(latency.none!), 8)
})

test('how long visitors waited is kept apart by the kind of wake, the wait included', t => {
  const { traffic } = setUp(t)
  traffic.add(record({ upstreamMs: 2 }))
  traffic.add(record({ upstreamMs: 2, wake: 'cold', wakeMs: 200, first: true }))
  traffic.add(record({ upstreamMs: 2, wake: 'cold', wakeMs: 190 }))
  traffic.add(record({ upstreamMs: 2, wake: 'frozen', wakeMs: 9, first: true }))
  const other = new Traffic({ store: setUp(t).store, log: silent, now: () => noon })
  for (const upstreamMs of [2, 202, 192, 11]) other.add(record({ upstreamMs }))
  const [{ figures } = assert.fail()] = traffic.hours('notes', 0)
  const { none, cold, frozen } = figures.latency
  assert.deepEqual([none, frozen, cold].flat(), other.hours('notes', 0)[0]!.figures.latency.none)
  assert.equal(figures.wakes, 2)
})

test('an hour goes to the store when it is over, and is told of with those after it', t => {
  const { traffic, store, clock } = setUp(t)
  traffic.add(record())
  traffic.sweep()
  assert.deepEqual(store.traffic.of('notes', 0), [])
  clock.now = noon + hourMs
  traffic.sweep()
  assert.equal(store.traffic.of('notes', 0).length, 1)
  traffic.add(record())
  traffic.add(record())
  const told = (since: number) =>
    traffic.hours('notes', since).map(({ hour, figures }) => [hour, figures.statuses[2]])
  assert.deepEqual(told(noon), [
    [noon, 1],
    [noon + hourMs, 2],
  ])
  assert.deepEqual(told(noon + hourMs + 1), [[noon + hourMs, 2]])
  assert.deepEqual(told(noon + 2 * hourMs), [])
})

test('a restart within an hour adds to what it was', t => {
  const { traffic, start, store } = setUp(t)
  traffic.add(record({ upstreamMs: 1 }))
  traffic[Symbol.dispose]()
  const after = start()
  after.add(record({ upstreamMs: 1 }))
  assert.equal(after.hours('notes', 0)[0]!.figures.statuses[2], 2)
  after[Symbol.dispose]()
  const [{ figures } = assert.fail(), ...more] = store.traffic.of('notes', 0)
  assert.equal(more.length, 0)
  assert.deepEqual([figures.statuses[2], countOf(figures.latency.none!)], [2, 2])
})

test('the hours of many apps are stored a few at a time', t => {
  const { traffic, store, clock } = setUp(t)
  const names = Array.from({ length: 120 }, (_, i) => `app${i}`)
  for (const app of names) {
    store.createApp(app, 1)
    traffic.add(record({ app }))
  }
  clock.now = noon + hourMs
  const stored = () => names.filter(app => store.traffic.of(app, 0).length > 0).length
  const steps = [0, 1, 2].map(() => {
    traffic.sweep()
    for (const app of names) assert.equal(traffic.hours(app, 0).length, 1)
    return stored()
  })
  assert.deepEqual(steps, [50, 100, 120])
})

test('what is older than 30 days is forgotten', t => {
  const { traffic, store, clock } = setUp(t)
  traffic.add(record())
  for (const days of [1, 31]) {
    clock.now = noon + days * 24 * hourMs
    traffic.sweep()
    traffic.add(record())
  }
  const day = 24 * hourMs
  assert.deepEqual(
    store.traffic.of('notes', 0).map(({ hour }) => hour),
    [noon + day],
  )
})

test('nothing is left of a deleted app, and one of the same name begins with nothing', t => {
  const { traffic, store, clock } = setUp(t)
  traffic.add(record())
  clock.now = noon + hourMs
  traffic.sweep()
  traffic.add(record())
  store.removeApp('notes')
  traffic.forget('notes')
  // A request of it ends only now.
  traffic.add(record())
  clock.now = noon + 2 * hourMs
  traffic.sweep()
  store.createApp('notes', 2)
  assert.deepEqual(traffic.hours('notes', 0), [])
})

test('hours that the store does not take wait until it does', t => {
  const { traffic, store, clock, warned } = setUp(t)
  const { add } = store.traffic
  store.traffic.add = () => {
    throw new Error('disk full')
  }
  traffic.add(record())
  clock.now = noon + hourMs
  traffic.sweep()
  traffic.sweep()
  assert.deepEqual(warned, ['traffic_not_stored'])
  store.traffic.add = add
  assert.equal(traffic.hours('notes', 0).length, 1)
  clock.now += 60_000
  traffic.sweep()
  assert.equal(store.traffic.of('notes', 0).length, 1)
})

test('requests for no app are counted by the code of their answer', t => {
  const { traffic } = setUp(t)
  for (const code of ['unknown_host', 'bad_request', 'unknown_host']) traffic.addUnrouted(code)
  assert.deepEqual(traffic.unrouted, { unknown_host: 2, bad_request: 1 })
})
