import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from './machine.ts'
import { absent, known, ratio, report, summarise } from './report.ts'
import { renderTable } from './table.ts'

const machine = { cpu: 'a core', cores: 2 } as Machine

test('the JSON object has the contract’s members and nothing of the table', () => {
  const rows = [summarise('asleep', 'ms', [10, 20, 30])]
  const json = JSON.parse(
    JSON.stringify(report('wake', machine, { rows, ratios: { half: 0.5 }, notes: ['read'] })),
  )
  assert.deepEqual(json, {
    bench: 'wake',
    machine: { cpu: 'a core', cores: 2 },
    rows: [{ case: 'asleep', unit: 'ms', p50: 20, p95: 29, n: 3 }],
    ratios: { half: 0.5 },
  })
})

test('a case that could not be measured has no figures, says why, and leaves its ratio out', () => {
  const mine = summarise('dormice', 'µs', [28])
  const other = absent('caddy', 'µs', 'not installed')
  assert.deepEqual(other, { case: 'caddy', unit: 'µs', p50: null, p95: null, n: 0, absent: 'not installed' })
  assert.deepEqual(known({ a: ratio(mine, other, 'p50'), b: ratio(mine, mine, 'p50') }), { b: 1 })
})

test('the table’s figures are aligned to the right under their heads', () => {
  const lines = renderTable([
    summarise('short', 'ms', [1.234]),
    summarise('a longer name', 'ms', [1234.4]),
    absent('gone', 'ms', 'why not'),
  ])
  assert.deepEqual(lines, [
    'case           unit   p50   p95  n',
    '-------------  ----  ----  ----  -',
    'short          ms    1.23  1.23  1',
    'a longer name  ms    1234  1234  1',
    'gone           ms       –     –  0  why not',
  ])
})
