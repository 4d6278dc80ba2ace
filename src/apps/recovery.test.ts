import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, ContainerState } from '../engine/engine.ts'
import type { App } from '../store/records.ts'
import { judge } from './recovery.ts'

const app: App = {
  name: 'notes',
  createdAt: 0,
  settings: {},
  generation: 5,
  release: 1,
  snapshot: 4,
  lastUsed: null,
  peakMemory: null,
  deletedAt: null,
}

const container = (generation: number, state: ContainerState): Container => ({
  id: 'c',
  name: 'dormice-h-notes',
  state,
  labels: { host: 'h', role: 'instance', app: 'notes', generation, release: 1 },
  image: 'i',
  address: undefined,
})

test('a container of the current generation that runs or is frozen is adopted', () => {
  assert.equal(judge(container(5, 'running'), app), 'adopt')
  assert.equal(judge(container(5, 'paused'), app), 'adopt')
})

test('a stopped container of the current generation holds the app’s newest data: its sleep is finished', () => {
  assert.equal(judge(container(5, 'exited'), app), 'finish')
})

test('a container that an image superseded is removed', () => {
  assert.equal(judge(container(4, 'exited'), app), 'remove')
  assert.equal(judge(container(4, 'running'), app), 'remove')
  assert.equal(judge(container(4, 'paused'), app), 'remove')
})

test('the trial of a release that was never promoted is removed', () => {
  assert.equal(judge(container(6, 'running'), app), 'remove')
})

test('a trial whose start came so late that the app had reached its generation by another way is removed', () => {
  const late = container(5, 'running')
  assert.equal(judge({ ...late, labels: { ...late.labels, release: 2 } }, app), 'remove')
})

test('a container that never ran holds nothing and is removed', () => {
  assert.equal(judge(container(5, 'created'), app), 'remove')
})

test('a container of an app that is being deleted is removed', () => {
  assert.equal(judge(container(5, 'running'), { ...app, deletedAt: 1 }), 'remove')
})

test('a container of an app that the store does not know may hold the only copy of its data: it is left alone', () => {
  assert.equal(judge(container(5, 'exited'), undefined), 'leave')
})
