import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HTTPException } from 'hono/http-exception'
import { silent } from '../log.ts'
import { toProblem } from './problems.ts'

test('a full disk is 507 with a sentence that says whose, however deep it is among the causes', () => {
  const sqlite = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
  const file = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  const engine = new Error('(HTTP code 500) server error - write /layer.tar: no space left on device ')
  for (const [error, whose] of [
    [sqlite, /DORMICE_DATA/],
    [file, /DORMICE_DATA/],
    [engine, /container engine/],
    [new Error('could not write it', { cause: file }), /DORMICE_DATA/],
  ] as const) {
    const { code, status, message } = toProblem(error, silent)
    assert.deepEqual([code, status], ['disk_full', 507])
    assert.match(message, whose)
  }
})

test('an error that nobody foresaw is told without its words', () => {
  const { code, status, message } = toProblem(new Error('secret'), silent)
  assert.deepEqual([code, status], ['internal', 500])
  assert.doesNotMatch(message, /secret/)
})

test('a body of another type is told which one is accepted', () => {
  const { status, message } = toProblem(new HTTPException(415, { message: 'Unsupported' }), silent)
  assert.equal(status, 415)
  assert.match(message, /^accepted: JSON, sent with "Content-Type: application\/json"$/)
})
