import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerRows, failures, timeRows } from './visit-rows.ts'

const answered = (ms: number, timing: string, status = 200, code = '') => ({
  at: 1_500,
  app: 0,
  ms,
  answer: { at: 0, status, timing, code },
})
const outcomes = [
  answered(5, ''),
  answered(90, 'wake;desc=frozen;dur=80, wake-thaw;dur=70'),
  answered(200, 'wake;desc=cold;dur=190, wake-queue;dur=10, wake-start;dur=100'),
  answered(30_000, '', 503, 'no_memory'),
  { at: 2_000, app: 1, ms: 3, error: new Error('socket hang up') },
]

test('answers are told apart by how their app was, with the parts of its wake', () => {
  const rows = answerRows(outcomes).map(row => [row.case.trim(), row.p50, row.n])
  assert.deepEqual(rows, [
    ['visitor due → first byte', 90, 3],
    ['awake apps’ visitors', 5, 1],
    ['frozen apps’ visitors', 90, 1],
    ['frozen, of it: wake', 80, 1],
    ['frozen, of it: wake-thaw', 70, 1],
    ['asleep apps’ visitors', 200, 1],
    ['asleep, of it: wake', 190, 1],
    ['asleep, of it: wake-queue', 10, 1],
    ['asleep, of it: wake-start', 100, 1],
  ])
})

test('what was not answered 200 has failed', () => {
  assert.deepEqual(failures(outcomes), [
    '503 no_memory, 1.5 s into the load, after 30000 ms',
    'no answer: Error: socket hang up, 2.0 s into the load, after 3 ms',
  ])
})

test('answers are told apart by when their visitors came', () => {
  const at = (minutes: number, ms: number) => ({ ...answered(ms, ''), at: minutes * 60_000 })
  const rows = timeRows([at(2.5, 30), at(0, 10), at(1.9, 20)], 120_000)
  assert.deepEqual(
    rows.map(row => [row.case.trim(), row.p50, row.n]),
    [
      ['who came in minutes 0 to 2', 15, 2],
      ['who came in minutes 2 to 4', 30, 1],
    ],
  )
})
