import assert from 'node:assert/strict'
import { test } from 'node:test'
import { difference, recordOf } from './journal.ts'

const lines = (...numbers: number[]) => numbers.map(number => `${recordOf(number)}\n`).join('')
const newest = (number: number) => recordOf(number).repeat(16)

test('records have one length and tell each other apart', () => {
  assert.deepEqual(new Set([1, 11, 999, 1000].map(number => recordOf(number).length)), new Set([255]))
  assert.notEqual(recordOf(1), recordOf(11))
})

test('files that hold every record and the newest one are as they should be', () => {
  assert.equal(difference(lines(1, 2, 3), newest(3), 3), undefined)
  assert.equal(difference('', '', 0), undefined)
})

test('a record that is missing, doubled, cut off or not acknowledged is found', () => {
  assert.match(difference(lines(1, 3), newest(3), 3) ?? '', /2 of 3 records, the first wrong line is 2/)
  assert.match(difference(lines(1, 2, 2, 3), newest(3), 3) ?? '', /4 of 3 records, the first wrong line is 3/)
  assert.match(difference(lines(1, 2, 3).slice(0, -9), newest(3), 3) ?? '', /the first wrong line is 3/)
  assert.match(difference(lines(1, 2), newest(3), 3) ?? '', /2 of 3 records, the first wrong line is 3/)
  assert.match(difference(lines(1, 2, 3), newest(2), 2) ?? '', /3 of 2 records, the first wrong line is 4/)
})

test('a small file of an older record is found', () => {
  assert.match(difference(lines(1, 2, 3), newest(2), 3) ?? '', /of record 2, not 3/)
})
