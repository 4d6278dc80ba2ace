import assert from 'node:assert/strict'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { keepingStatements } from './statements.ts'

/** A database with one row, which counts what it compiles. */
function counting(): { database: Database.Database; compiled: () => number } {
  const database = new Database(':memory:')
  database.exec("create table apps (name text); insert into apps values ('notes')")
  let compiled = 0
  const prepare = database.prepare.bind(database)
  database.prepare = ((source: string) => {
    compiled++
    return prepare(source)
  }) as typeof database.prepare
  return { database, compiled: () => compiled }
}

test('a query that is asked again is not compiled again', () => {
  const { database, compiled } = counting()
  const keeping = keepingStatements(database)
  for (const name of ['notes', 'nobody', 'notes'])
    assert.equal(keeping.prepare('select * from apps where name = ?').all(name).length, +(name === 'notes'))
  assert.equal(compiled(), 1)
})

test('who asked for rows as arrays does not change what others get', () => {
  const { database } = counting()
  const keeping = keepingStatements(database)
  assert.deepEqual(keeping.prepare('select name from apps').raw().all(), [['notes']])
  assert.deepEqual(keeping.prepare('select name from apps').all(), [{ name: 'notes' }])
})

test('what was changed in a transaction that failed is as before', () => {
  const { database } = counting()
  const keeping = keepingStatements(database)
  const add = (name: string) => keeping.prepare('insert into apps values (?)').run(name)
  const fails = keeping.transaction(() => {
    add('wiki')
    throw new Error('no')
  })
  assert.throws(fails, /no/)
  keeping.transaction(() => add('shop'))()
  assert.deepEqual(keeping.prepare('select name from apps').raw().all(), [['notes'], ['shop']])
})
