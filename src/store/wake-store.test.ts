import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import type { WakeTrace } from './records.ts'
import { Store } from './store.ts'

const trace = (at: number, more: Partial<WakeTrace> = {}): WakeTrace => ({
  app: 'notes',
  at,
  kind: 'cold',
  outcome: 'awake',
  ms: 131.4,
  parts: [
    { name: 'queue', ms: 1.2 },
    { name: 'start', ms: 130.2 },
  ],
  ...more,
})

function newStore(file = join(newFolder('wakes'), 'dormice.db')): Store {
  const store = new Store(file)
  for (const app of ['notes', 'shop']) store.createApp(app, 1)
  return store
}

const times = (store: Store, app: string) => store.wakes.of(app).map(({ at }) => at)

test('wakes are told newest first, as they were noted, also after a restart', () => {
  const file = join(newFolder('wakes'), 'dormice.db')
  const failed = trace(2, { kind: 'frozen', outcome: 'no_memory', ms: 30_000, parts: [] })
  {
    using store = newStore(file)
    store.wakes.add([trace(1), failed])
    store.wakes.add([trace(3)])
  }
  using store = newStore(file)
  assert.deepEqual(store.wakes.of('notes'), [trace(3), failed, trace(1)])
  assert.deepEqual(store.wakes.of('notes', 2), [trace(3), failed])
  assert.deepEqual(store.wakes.of('shop'), [])
})

test('the newest 100 wakes of each app are kept, whatever the clock said', () => {
  using store = newStore()
  store.wakes.add([trace(1, { app: 'shop' })])
  for (let at = 200; at > 0; at -= 10) {
    store.wakes.add(Array.from({ length: 10 }, (_, i) => trace(at - i)))
  }
  assert.deepEqual(
    times(store, 'notes'),
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
  assert.deepEqual(times(store, 'shop'), [1])
})

test('more wakes at once than are kept leave the newest', () => {
  using store = newStore()
  store.wakes.add(Array.from({ length: 250 }, (_, i) => trace(i)))
  assert.deepEqual([times(store, 'notes').length, times(store, 'notes').at(-1)], [100, 150])
})

test('an app’s wakes go with it, and those of one that is gone keep no other from being stored', () => {
  using store = newStore()
  store.wakes.add([trace(1), trace(2, { app: 'shop' })])
  store.removeApp('notes')
  store.wakes.add([trace(3), trace(4, { app: 'shop' })])
  assert.deepEqual(times(store, 'shop'), [4, 2])
  store.createApp('notes', 5)
  assert.deepEqual(times(store, 'notes'), [])
})
