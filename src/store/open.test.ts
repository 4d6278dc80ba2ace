import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import Database from 'better-sqlite3'
import { migrationsFolder } from './inspection.ts'
import { Store } from './store.ts'
import { DataUnusable } from './unusable.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-open-'))
  folders.push(folder)
  return folder
}
const newFile = () => join(newFolder(), 'dormice.db')
const keyOf = (file: string) => join(file, '../key')

/** Every file beside the database and its mode and bytes. */
function everything(file: string): Record<string, string> {
  const folder = join(file, '..')
  return Object.fromEntries(
    readdirSync(folder).map(name => {
      const path = join(folder, name)
      return [name, `${statSync(path).mode.toString(8)} ${readFileSync(path, 'hex')}`]
    }),
  )
}

function refusesUntouched(file: string, message: RegExp): void {
  const before = everything(file)
  assert.throws(
    () => new Store(file),
    (error: Error) => {
      assert.ok(error instanceof DataUnusable, String(error))
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /\n/)
      return true
    },
  )
  assert.deepEqual(everything(file), before)
}

/** A copy of the files as a crash would leave them, the log not yet written back. */
function crashImage(file: string): string {
  const image = newFile()
  for (const suffix of ['', '-wal', '-shm']) copyFileSync(file + suffix, image + suffix)
  if (existsSync(keyOf(file))) copyFileSync(keyOf(file), keyOf(image))
  return image
}

/** Raw access, as by somebody who has the file. */
function edit<T>(file: string, work: (database: Database.Database) => T): T {
  const database = new Database(file)
  try {
    return work(database)
  } finally {
    database.close()
  }
}

function storeWith(values: Record<string, string>): string {
  const file = newFile()
  using store = new Store(file)
  store.createApp('notes', 1)
  store.changeEnv('notes', values, 1)
  return file
}

test('a first start makes a key of 32 bytes that is its owner’s alone, and later starts use it', () => {
  const file = storeWith({ KEY: 'hunter2' })
  const key = readFileSync(keyOf(file))
  assert.equal(key.length, 32)
  assert.equal(statSync(keyOf(file)).mode & 0o777, 0o600)
  using store = new Store(file)
  assert.deepEqual(store.env('notes'), { KEY: 'hunter2' })
  assert.deepEqual(readFileSync(keyOf(file)), key)
  assert.deepEqual(readdirSync(join(file, '..')).sort(), [
    'dormice.db',
    'dormice.db-shm',
    'dormice.db-wal',
    'key',
  ])
})

test('what an interrupted first start left of a key is no key', () => {
  const file = newFile()
  writeFileSync(`${keyOf(file)}.new`, 'half', { mode: 0o644 })
  using store = new Store(file)
  store.createApp('notes', 1)
  store.setEnv('notes', 'KEY', 'hunter2', 1)
  assert.deepEqual(store.env('notes'), { KEY: 'hunter2' })
  assert.equal(statSync(keyOf(file)).mode & 0o777, 0o600)
  assert.equal(existsSync(`${keyOf(file)}.new`), false)
})

test('values are in no file, neither while the store is open nor afterwards', () => {
  const file = newFile()
  const values = { KEY: 'planted-value-1', LATER: 'planted-value-2' }
  const holds = () => readdirSync(join(file, '..')).filter(name => everything(file)[name]?.includes(planted))
  const planted = Buffer.from('planted-value').toString('hex')
  {
    using store = new Store(file)
    store.createApp('notes', 1)
    store.changeEnv('notes', values, 1)
    store.setEnv('notes', 'KEY', 'planted-value-3', 2)
    store.unsetEnv('notes', 'LATER')
    assert.deepEqual(holds(), [])
    assert.ok(everything(file)['dormice.db-wal']?.includes(Buffer.from('LATER').toString('hex')))
  }
  assert.deepEqual(holds(), [])
})

test('a row that is deleted is overwritten in the file', () => {
  const file = newFile()
  const filler = 'deleted-app'.repeat(100)
  {
    using store = new Store(file)
    store.createApp(filler, 1)
  }
  assert.ok(readFileSync(file).includes(filler))
  {
    using store = new Store(file)
    store.removeApp(filler)
  }
  assert.equal(readFileSync(file).includes('deleted-app'), false)
})

test('variables are set and removed together or not at all', () => {
  const file = storeWith({ A: '1', B: '2' })
  using store = new Store(file)
  store.changeEnv('notes', { A: null, B: '3', C: '4' }, 5)
  assert.deepEqual(store.env('notes'), { B: '3', C: '4' })
  const impossible = { B: '5', C: 6 as unknown as string }
  assert.throws(() => store.changeEnv('notes', impossible, 6))
  assert.deepEqual(store.env('notes'), { B: '3', C: '4' })
})

test('a value that was moved to another variable is not handed out, and the app is shown all the same', () => {
  const file = storeWith({ PUBLIC: 'hello', SECRET: 'hunter2' })
  edit(file, db =>
    db.exec("update env set value = (select value from env where key = 'SECRET') where key = 'PUBLIC'"),
  )
  using store = new Store(file)
  assert.throws(() => store.env('notes'), /the stored value of PUBLIC of notes was changed from outside/)
  assert.equal(store.envKeys('notes').length, 2)
  store.setEnv('notes', 'PUBLIC', 'hello again', 2)
  assert.deepEqual(store.env('notes'), { PUBLIC: 'hello again', SECRET: 'hunter2' })
})

test('values without their key are refused, also where a crash left them in the log', () => {
  const file = storeWith({ KEY: 'hunter2' })
  rmSync(keyOf(file))
  refusesUntouched(file, /the key file \S+\/key is missing, .* put it back from a backup/)

  const fresh = newFile()
  using store = new Store(fresh)
  store.createApp('notes', 1)
  edit(fresh, db => db.pragma('wal_checkpoint(TRUNCATE)'))
  store.setEnv('notes', 'KEY', 'hunter2', 1)
  const crashed = crashImage(fresh)
  rmSync(keyOf(crashed))
  refusesUntouched(crashed, /the key file \S+\/key is missing/)
  copyFileSync(keyOf(fresh), keyOf(crashed))
  using again = new Store(crashed)
  assert.deepEqual(again.env('notes'), { KEY: 'hunter2' })
})

test('without any value a lost key is made anew', () => {
  const file = storeWith({ KEY: 'hunter2' })
  rmSync(keyOf(file))
  edit(file, db => db.exec('DELETE FROM env'))
  using store = new Store(file)
  store.setEnv('notes', 'KEY', 'again', 2)
  assert.deepEqual(store.env('notes'), { KEY: 'again' })
})

test('a key of another folder, of a wrong length, or open to others is refused', () => {
  const file = storeWith({ KEY: 'hunter2' })
  const key = readFileSync(keyOf(file))
  writeFileSync(keyOf(file), Buffer.alloc(32, 7))
  refusesUntouched(
    file,
    /the key file \S+\/key does not fit the environment values in \S+dormice\.db; put back/,
  )
  for (const length of [0, 31, 33]) {
    writeFileSync(keyOf(file), Buffer.alloc(length, 7))
    refusesUntouched(file, new RegExp(`key is not a file of 32 bytes \\(it has ${length}\\)`))
  }
  writeFileSync(keyOf(file), key)
  for (const mode of [0o640, 0o604, 0o620, 0o644, 0o777]) {
    chmodSync(keyOf(file), mode)
    refusesUntouched(file, new RegExp(`open to other users \\(mode ${mode.toString(8)}, accepted: 600\\)`))
  }
  chmodSync(keyOf(file), 0o400)
  using store = new Store(file)
  assert.deepEqual(store.env('notes'), { KEY: 'hunter2' })
})

/** A database as Dormice 0.1.0 left it in a crash: plain values, also in free pages and in the log. */
function oldDatabase(): string {
  const file = newFile()
  return edit(file, db => {
    db.pragma('journal_mode = WAL')
    db.pragma('secure_delete = OFF')
    db.exec(
      'create table __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)',
    )
    db.exec(readFileSync(join(migrationsFolder, '0000_core.sql'), 'utf8'))
    db.exec("insert into __drizzle_migrations (hash, created_at) values ('x', 1763600000000)")
    db.exec("insert into apps (name, created_at, settings, generation) values ('notes', 1, '{}', 0)")
    const insert = db.prepare('insert into env (app, key, value, updated_at) values (?, ?, ?, 1)')
    for (let n = 0; n < 200; n++) insert.run('notes', `K${n}`, `planted-${n}-${'x'.repeat(5000)}`)
    insert.run('notes', 'LOOKS_SEALED', 'v1:planted')
    db.exec("delete from env where key like 'K1%'")
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.exec("update env set value = 'planted-2' where key = 'K2'")
    db.exec("delete from env where key like 'K3%'")
    return crashImage(file)
  })
}

const planted = Buffer.from('planted').toString('hex')

test('plain values of an earlier version are sealed at the next start, and no old text is left in any file', () => {
  const file = oldDatabase()
  assert.ok(everything(file)['dormice.db']?.includes(planted))
  assert.ok(everything(file)['dormice.db-wal']?.includes(planted))
  let size: number
  {
    using store = new Store(file)
    const env = store.env('notes')
    assert.equal(Object.keys(env).length, 200 - 111 - 11 + 1)
    assert.deepEqual([env['K2'], env['LOOKS_SEALED']], ['planted-2', 'v1:planted'])
    assert.match(String(env['K20']), /^planted-20-x{5000}$/)
    for (const [name, bytes] of Object.entries(everything(file))) {
      assert.equal(bytes.includes(planted), false, name)
    }
    size = statSync(file).size
  }
  using again = new Store(file)
  assert.equal(again.env('notes')['K2'], 'planted-2')
  assert.equal(statSync(file).size, size)
})

test('a start that was killed between sealing and cleaning is made good by the next', () => {
  const file = oldDatabase()
  edit(file, db => {
    db.pragma('secure_delete = OFF')
    db.exec("delete from env; insert into meta (key, value) values ('env_values', 'sealed')")
  })
  assert.ok(everything(file)['dormice.db']?.includes(planted))
  using store = new Store(file)
  assert.deepEqual(store.env('notes'), {})
  for (const [name, bytes] of Object.entries(everything(file))) {
    assert.equal(bytes.includes(planted), false, name)
  }
})

test('old text that somebody’s reading keeps in the log is cleaned by the next start', () => {
  const file = oldDatabase()
  edit(file, reader => {
    reader.exec('begin')
    reader.prepare('select count(*) from env').get()
    using store = new Store(file)
    assert.equal(store.env('notes')['K2'], 'planted-2')
    assert.ok(everything(file)['dormice.db']?.includes(planted))
  })
  using store = new Store(file)
  assert.equal(store.env('notes')['K2'], 'planted-2')
  for (const [name, bytes] of Object.entries(everything(file))) {
    assert.equal(bytes.includes(planted), false, name)
  }
})

const newer = 'insert into __drizzle_migrations (hash, created_at) values (?, ?)'

test('a database that a newer Dormice wrote is refused untouched', () => {
  const file = storeWith({ KEY: 'hunter2' })
  edit(file, db => db.prepare(newer).run('x', Date.UTC(2100, 0)))
  chmodSync(file, 0o640)
  refusesUntouched(file, /dormice\.db was written by a newer Dormice than this one; start that version/)
})

test('a newer Dormice’s migration that is only in the log counts too', () => {
  const file = storeWith({ KEY: 'hunter2' })
  const crashed = edit(file, db => {
    db.prepare(newer).run('x', Date.UTC(2100, 0))
    return crashImage(file)
  })
  assert.notEqual(statSync(`${crashed}-wal`).size, 0)
  refusesUntouched(crashed, /was written by a newer Dormice/)
})

test('a file that is no database, or none of Dormice’s, is refused untouched', () => {
  const file = newFile()
  writeFileSync(file, 'dear diary')
  refusesUntouched(file, /dormice\.db cannot be read as a database \(file is not a database\)/)
  const other = newFile()
  edit(other, db => db.exec('create table diary (day text)'))
  refusesUntouched(other, /dormice\.db is a database that Dormice did not write/)
})

test('an empty file, or one that a crash kept from its first migration, is a new database', () => {
  const file = newFile()
  writeFileSync(file, '')
  using store = new Store(file)
  store.createApp('notes', 1)
  const half = newFile()
  edit(half, db => db.pragma('journal_mode = WAL'))
  using second = new Store(half)
  second.createApp('notes', 1)
})

test('a transaction of another journal mode that a crash interrupted is looked through', () => {
  const file = newFile()
  edit(file, db => {
    db.pragma('cache_size = 1')
    db.exec(
      'create table __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)',
    )
    db.prepare(newer).run('x', Date.UTC(2100, 0))
    db.exec('create table filler (text)')
    const fill = db.prepare('insert into filler values (?)')
    db.exec('begin; delete from __drizzle_migrations')
    // More than the cache holds, so that changes are in the file and what they replaced is in the journal.
    for (let n = 0; n < 100; n++) fill.run('x'.repeat(4000))
    const crashed = newFile()
    for (const suffix of ['', '-journal']) copyFileSync(file + suffix, crashed + suffix)
    assert.notEqual(statSync(`${crashed}-journal`).size, 0)
    refusesUntouched(crashed, /was written by a newer Dormice/)
  })
})
