import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { newFolder } from '../../test/support/folder.ts'
import type { Release, Snapshot } from './records.ts'
import { Store } from './store.ts'

const newFile = () => join(newFolder('store'), 'dormice.db')

const release = (number: number): Release => ({
  app: 'notes',
  number,
  createdAt: number,
  image: `dormice-h/notes:r${number}`,
  size: 1,
  layers: 1,
  spec: {
    runtime: 'node',
    command: ['node', 'server.js'],
    port: 8080,
    env: {},
    confinement: 'confined',
    state: 'keep',
    settings: { memory: 64 },
    source: { kind: 'image', reference: 'i' },
  },
})

const snapshot = (number: number): Snapshot => ({
  app: 'notes',
  number,
  release: 1,
  createdAt: number,
  reason: 'idle',
  image: `dormice-h/notes:s${number}`,
  size: 1,
  layers: 2,
  generation: 1,
  bytes: 0,
  pinned: false,
  source: null,
  changed: null,
})

test('an app without a release has nothing to launch', () => {
  using store = new Store(newFile())
  store.createApp('notes', 1)
  assert.equal(store.launch('notes'), undefined)
  assert.equal(store.launch('nobody'), undefined)
})

test('an app launches from its release until it has a snapshot, then from the newest', () => {
  using store = new Store(newFile())
  store.createApp('notes', 1)
  store.promote(release(1))
  assert.equal(store.launch('notes')?.image, 'dormice-h/notes:r1')
  store.addSnapshot(snapshot(1))
  store.addSnapshot(snapshot(2))
  assert.equal(store.launch('notes')?.image, 'dormice-h/notes:s2')
  assert.deepEqual(store.launch('notes')?.release, release(1))
})

test('a new release starts without state, and older snapshots stay known', () => {
  using store = new Store(newFile())
  store.createApp('notes', 1)
  store.promote(release(1))
  store.addSnapshot(snapshot(1))
  store.promote(release(2))
  assert.equal(store.launch('notes')?.image, 'dormice-h/notes:r2')
  assert.deepEqual(
    store.snapshots('notes').map(one => one.number),
    [1],
  )
  assert.deepEqual([store.nextRelease('notes'), store.nextSnapshot('notes')], [3, 2])
})

test('every release and every snapshot is a generation of its own', () => {
  using store = new Store(newFile())
  store.createApp('notes', 1)
  const generations = [store.app('notes')?.generation]
  for (const change of [
    () => store.promote(release(1)),
    () => store.addSnapshot(snapshot(1)),
    () => store.promote(release(2)),
  ]) {
    change()
    generations.push(store.app('notes')?.generation)
  }
  assert.deepEqual(generations, [0, 1, 2, 3])
})

test('a snapshot that cannot be stored leaves the app as it was', () => {
  using store = new Store(newFile())
  store.createApp('notes', 1)
  store.promote(release(1))
  store.addSnapshot(snapshot(1))
  const before = store.app('notes')
  assert.throws(() => store.addSnapshot(snapshot(1)))
  assert.deepEqual(store.app('notes'), before)
})

test('a snapshot is not taken for one that had its name and number before it', () => {
  using store = new Store(newFile())
  const made = (at: number) => {
    store.createApp('notes', at)
    store.promote(release(1))
    for (const number of [1, 2]) store.addSnapshot({ ...snapshot(number), createdAt: at + number })
    return store.snapshots('notes')[0] as Snapshot
  }
  const gone = made(1000)
  store.removeApp('notes')
  const now = made(2000)
  const image = { image: 'merged', size: 1, layers: 2, bytes: 0 }
  const counts = { added: 1, changed: 0, deleted: 0 }
  const change = [{ path: '/a', kind: 'added' }] as const
  assert.equal(store.replaceImage(gone, image), false)
  store.setChanged(gone, counts, change)
  assert.equal(store.forgetSnapshot(gone), false)
  assert.deepEqual(store.snapshot('notes', 1), now)
  assert.equal(store.changedPaths(now), undefined)

  assert.equal(store.replaceImage(now, image), true)
  store.setChanged(now, counts, change)
  assert.deepEqual(store.snapshot('notes', 1), { ...now, ...image, changed: counts })
  assert.deepEqual([store.changedPaths(now), store.changedPaths(gone)], [change, undefined])
  assert.equal(store.forgetSnapshot(now), true)
})

test('what only a forgotten snapshot told is told by the next one, if that differs in nothing', () => {
  using store = new Store(newFile())
  store.createApp('notes', 1)
  store.promote(release(1))
  const taken = [1, 2, 3, 4].map(snapshot)
  for (const one of taken) store.addSnapshot(one)
  const [first, second, third, current] = taken as [Snapshot, Snapshot, Snapshot, Snapshot]
  const change = [{ path: '/a', kind: 'added' }] as const
  const one = { added: 1, changed: 0, deleted: 0 }
  const none = { added: 0, changed: 0, deleted: 0 }
  store.setChanged(first, one, change)
  store.setChanged(second, none, [])
  store.setChanged(third, { ...none, deleted: 2 }, [])
  store.setChanged(current, none, [])
  assert.equal(store.forgetSnapshot(first), true)
  assert.deepEqual(store.snapshot('notes', 2)?.changed, one)
  assert.deepEqual(store.changedPaths(second), change)
  assert.equal(store.forgetSnapshot(second), true)
  assert.deepEqual(store.snapshot('notes', 3)?.changed, { ...none, deleted: 2 })
  assert.equal(store.forgetSnapshot(third), true)
  assert.deepEqual(store.snapshot('notes', 4)?.changed, { ...none, deleted: 2 })
})

test('an app that is removed takes everything of its own with it, and nothing of others', () => {
  using store = new Store(newFile())
  for (const name of ['notes', 'other']) store.createApp(name, 1)
  store.promote(release(1))
  store.addSnapshot(snapshot(1))
  store.setEnv('notes', 'KEY', 'value', 1)
  store.setEnv('other', 'KEY', 'kept', 1)
  store.removeApp('notes')
  store.createApp('notes', 2)
  assert.deepEqual([store.releases('notes'), store.snapshots('notes'), store.env('notes')], [[], [], {}])
  assert.deepEqual(store.env('other'), { KEY: 'kept' })
})

test('a host that starts again on the same file finds everything, its id first', () => {
  const file = newFile()
  let id: string
  {
    using store = new Store(file)
    id = store.hostId
    store.createApp('notes', 1)
    store.setSettings('notes', { sleepAfter: 1000 })
    store.setEnv('notes', 'KEY', 'one', 1)
    store.setEnv('notes', 'KEY', 'two', 2)
  }
  using again = new Store(file)
  assert.match(id, /^[0-9a-f]{12}$/)
  assert.equal(again.hostId, id)
  assert.deepEqual(again.app('notes')?.settings, { sleepAfter: 1000 })
  assert.deepEqual(again.env('notes'), { KEY: 'two' })
  assert.deepEqual(again.envKeys('notes'), [{ key: 'KEY', updatedAt: 2 }])
})

test('a new token takes the place of its name’s earlier one', () => {
  using store = new Store(newFile())
  store.setToken('admin', 'first', 1)
  store.setToken('other', 'elsewhere', 1)
  store.setToken('admin', 'second', 2)
  assert.equal(store.tokenName('first'), undefined)
  assert.equal(store.tokenName('second'), 'admin')
  assert.equal(store.tokenName('elsewhere'), 'other')
})

test('a token is known by its owner’s name, and only its hash is stored', () => {
  const file = newFile()
  {
    using store = new Store(file)
    store.setToken('admin', 'planted-token', 1)
    assert.equal(store.tokenName('planted-token'), 'admin')
    assert.equal(store.tokenName('another'), undefined)
  }
  assert.equal(readFileSync(file).includes('planted-token'), false)
})

test('the file is its owner’s alone and every write is synced', () => {
  const file = newFile()
  using store = new Store(file)
  store.createApp('notes', 1)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  using other = Object.assign(new Database(file, { readonly: true }), {
    [Symbol.dispose](this: Database.Database) {
      this.close()
    },
  })
  assert.equal(other.pragma('journal_mode', { simple: true }), 'wal')
  assert.equal(store.synchronous, 2)
})

test('when an app was last used goes with what its sleep notes anyhow, and stays where nothing is known of it', () => {
  using store = new Store(newFile())
  const used = () => store.app('notes')?.lastUsed
  store.createApp('notes', 1)
  store.promote(release(1))
  assert.equal(used(), null)
  store.addSnapshot(snapshot(1), 10)
  assert.equal(used(), 10)
  store.addLiveSnapshot(snapshot(2))
  assert.equal(used(), 10)
  store.settleOn(snapshot(2), 20)
  assert.equal(used(), 20)
  store.supersede('notes')
  assert.equal(used(), 20)
  store.used('notes', 40)
  assert.equal(used(), 40)
  store.addSnapshot(snapshot(3))
  store.promote(release(2))
  assert.equal(used(), 40)
})
