import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Case, measureRounds, type RoundsOptions } from './rounds.ts'

const options: RoundsOptions = {
  rounds: 3,
  warmUps: 0,
  deadline: Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
  say() {},
}

function counting(order: string[], name: string): Case {
  let value = 0
  return {
    name,
    async measure() {
      order.push(name)
      return [{ row: name, unit: 'ms', value: ++value }]
    },
  }
}

test('every round measures every case, each time beginning with another one', async () => {
  const order: string[] = []
  const { rows, rounds } = await measureRounds(
    ['a', 'b', 'c'].map(name => counting(order, name)),
    options,
  )
  assert.equal(order.join(''), 'abcbcacab')
  assert.equal(rounds, 3)
  assert.deepEqual(
    rows.map(row => [row.case, row.p50, row.n]),
    [
      ['a', 2, 3],
      ['b', 2, 3],
      ['c', 2, 3],
    ],
  )
})

test('samples of warm-up rounds do not count', async () => {
  const { rows } = await measureRounds([counting([], 'a')], { ...options, warmUps: 2 })
  assert.deepEqual([rows[0]?.p50, rows[0]?.n], [4, 3])
})

test('after the deadline no further round begins, and one is always counted', async () => {
  const { rounds } = await measureRounds([counting([], 'a')], { ...options, warmUps: 1, deadline: 0 })
  assert.equal(rounds, 1)
})

test('an interrupted run ends before its next case', async () => {
  const stop = new AbortController()
  const order: string[] = []
  const stopping: Case = {
    name: 'stopping',
    async measure() {
      stop.abort(new Error('interrupted'))
      return []
    },
  }
  const run = measureRounds([stopping, counting(order, 'b')], { ...options, signal: stop.signal })
  await assert.rejects(run, /interrupted/)
  assert.deepEqual(order, [])
})
