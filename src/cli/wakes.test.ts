import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WakeShape } from '../api/shapes.ts'
import { answer, fakeHost, run } from './fake-host.ts'

const cold: WakeShape = {
  at: '2026-01-02T12:00:00.000Z',
  kind: 'cold',
  outcome: 'awake',
  ms: 131.4,
  parts: { queue: 0.4, create: 6, start: 61, ready: 64 },
}

test('wakes is a table of how an app’s last wakes went, newest last', async () => {
  const wakes: WakeShape[] = [
    { ...cold, at: '2026-01-02T12:03:00.000Z', kind: 'frozen', ms: 9.3, parts: { queue: 0.1, thaw: 9.2 } },
    { ...cold, at: '2026-01-02T12:02:00.000Z', outcome: 'no_memory', ms: 30_004, parts: {} },
    { ...cold, at: '2026-01-02T12:01:00.000Z', outcome: 'app_crashed', ms: 940 },
    cold,
  ]
  await using host = await fakeHost({ 'GET /v1/apps/notes/wakes': answer({ wakes }) })
  const { code, stdout, stderr } = await run(['wakes', 'notes'], { host, env: { TZ: 'Europe/Berlin' } })
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(
    stdout,
    `WHEN              KIND    TOTAL   QUEUE   CREATE  START  READY/THAW  OUTCOME
2026-01-02 13:00  cold    131 ms  0.4 ms  6.0 ms  61 ms  64 ms       awake
2026-01-02 13:01  cold    940 ms  0.4 ms  6.0 ms  61 ms  64 ms       app_crashed
2026-01-02 13:02  cold    30 s    –       –       –      –           no_memory
2026-01-02 13:03  frozen  9.3 ms  0.1 ms  –       –      9.2 ms      awake
`,
  )
  assert.deepEqual(host.asked, ['GET /v1/apps/notes/wakes?limit=20'])
  const json = await run(['wakes', 'notes', '--limit', '100', '--json'], { host })
  assert.deepEqual(JSON.parse(json.stdout), { app: 'notes', wakes })
  assert.equal(host.asked[1], 'GET /v1/apps/notes/wakes?limit=100')
})

test('of an app that has not woken yet wakes says so', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/wakes': answer({ wakes: [] }) })
  const { code, stdout, stderr } = await run(['wakes', 'notes'], { host })
  assert.deepEqual([code, stdout, stderr], [0, '', 'notes has not woken yet.\n'])
})
