import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import { Store } from './store.ts'

const minute = 60_000
const hour = 60 * minute

function newStore(file = join(newFolder('overruns'), 'dormice.db')): Store {
  const store = new Store(file)
  for (const app of ['notes', 'shop']) store.createApp(app, 1)
  return store
}

const killed = { app: 'notes', kind: 'killed', limit: 64 } as const

test('when an app reached its limit is kept across restarts, oldest first', () => {
  const file = join(newFolder('overruns'), 'dormice.db')
  {
    using store = newStore(file)
    store.overruns.note({ ...killed, at: 1 })
    store.overruns.note({ ...killed, kind: 'full', at: 2 })
  }
  using store = newStore(file)
  assert.deepEqual(store.overruns.of('notes'), [
    { ...killed, at: 1, until: 1, times: 1 },
    { ...killed, kind: 'full', at: 2, until: 2, times: 1 },
  ])
  assert.deepEqual(store.overruns.last('notes'), store.overruns.of('notes')[1])
  assert.deepEqual([store.overruns.of('shop'), store.overruns.last('shop')], [[], undefined])
})

test('what happens again and again is one entry; another limit or a pause of an hour begins a new one', () => {
  using store = newStore()
  for (let at = 0; at <= 3 * hour; at += 30 * minute) store.overruns.note({ ...killed, at })
  store.overruns.note({ ...killed, limit: 128, at: 3 * hour + 1 })
  store.overruns.note({ ...killed, limit: 128, at: 5 * hour })
  assert.deepEqual(store.overruns.of('notes'), [
    { ...killed, at: 0, until: 3 * hour, times: 7 },
    { ...killed, limit: 128, at: 3 * hour + 1, until: 3 * hour + 1, times: 1 },
    { ...killed, limit: 128, at: 5 * hour, until: 5 * hour, times: 1 },
  ])
})

test('the newest 20 of each app are kept', () => {
  using store = newStore()
  store.overruns.note({ ...killed, app: 'shop', at: 0 })
  for (let n = 1; n <= 30; n++) store.overruns.note({ ...killed, at: n * 2 * hour })
  assert.deepEqual(
    store.overruns.of('notes').map(({ at }) => at / hour / 2),
    Array.from({ length: 20 }, (_, n) => n + 11),
  )
  assert.equal(store.overruns.of('shop').length, 1)
})

test('an app’s go with it, and none is noted of one that is gone', () => {
  using store = newStore()
  store.overruns.note({ ...killed, at: 1 })
  store.removeApp('notes')
  store.overruns.note({ ...killed, at: 2 })
  store.createApp('notes', 3)
  assert.deepEqual(store.overruns.of('notes'), [])
})
