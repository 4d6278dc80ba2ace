import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from '../engine.ts'
import { withoutMountPoints } from './mount-points.ts'

const change = (line: string): Change => {
  const kinds = { A: 'added', C: 'changed', D: 'deleted' } as const
  return { kind: kinds[line[0] as 'A'], path: line.slice(2) }
}

test('a container that wrote nothing has no changes, although the engine made mount points on its disk', () => {
  assert.deepEqual(
    withoutMountPoints(['C /usr', 'C /usr/sbin', 'A /usr/sbin/docker-init', 'A /tmp'].map(change)),
    [],
  )
})

test('what the app wrote beside a mount point is kept, with its folders', () => {
  const all = [
    'C /usr',
    'C /usr/sbin',
    'A /usr/sbin/docker-init',
    'A /usr/sbin/mine',
    'C /usr/lib',
    'A /usr/lib/x',
  ]
  assert.deepEqual(
    withoutMountPoints(all.map(change)),
    ['C /usr', 'C /usr/sbin', 'A /usr/sbin/mine', 'C /usr/lib', 'A /usr/lib/x'].map(change),
  )
})

test('a changed folder counts when no mount point was made in it', () => {
  assert.deepEqual(withoutMountPoints([change('C /usr')]), [change('C /usr')])
})

test('a file of the app that has a mount point’s name and is deleted counts', () => {
  assert.deepEqual(withoutMountPoints([change('D /tmp')]), [change('D /tmp')])
})
