import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sample } from './sample.ts'
import { leftovers, trends } from './verdict.ts'

const MIB = 1024 * 1024

function sample(at: number, more: Partial<Sample> = {}): Sample {
  const process = { heap: 20 * MIB, external: 5 * MIB, rss: 90 * MIB, files: 300, resources: 250 }
  return { at, ...process, leases: 40, requests: 50, connections: 200, upstreams: 8, ...more }
}

function risen(values: (at: number) => Partial<Sample>): string[] {
  const samples = Array.from({ length: 90 }, (_, at) => sample(at, values(at)))
  return trends(samples).flatMap(({ measure, flat }) => (flat ? [] : measure))
}

test('what goes up and down is flat', () => {
  assert.deepEqual(
    risen(at => ({ heap: (20 + (at % 7)) * MIB, leases: at % 60 })),
    [],
  )
})

test('what still warms up in the first third is flat', () => {
  assert.deepEqual(
    risen(at => ({ heap: Math.min(20, at) * MIB, rss: Math.min(90, at * 4) * MIB })),
    [],
  )
})

test('a heap that grows by a tenth from one third to the next is not', () => {
  assert.deepEqual(
    risen(at => ({ heap: (20 + at / 8) * MIB })),
    ['heap'],
  )
})

test('sockets that are never closed are seen, as files and as resources', () => {
  assert.deepEqual(
    risen(at => ({ files: 300 + 3 * at, resources: 250 + 3 * at })),
    ['files', 'resources'],
  )
})

test('what is left at rest is named', () => {
  const rest = { leases: 0, requests: 0, connections: 0, upstreams: 0 }
  assert.deepEqual(leftovers(sample(0, rest)), [])
  assert.deepEqual(leftovers(sample(0, { ...rest, leases: 2 })), ['leases 2'])
})
