import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Log, silent } from '../log.ts'
import type { OverrunStore } from '../store/overrun-store.ts'
import { Overruns } from './overruns.ts'

/** What is noted and logged, at times that the test sets. */
function overruns(note: (overrun: unknown) => void = () => undefined) {
  const clock = { now: 0 }
  const logged: string[] = []
  const noted: unknown[] = []
  const log: Log = { ...silent, warn: event => void logged.push(event) }
  const store = {
    overruns: {
      note(overrun: unknown) {
        note(overrun)
        noted.push(overrun)
      },
    } as unknown as OverrunStore,
  }
  return { clock, logged, noted, overruns: new Overruns({ store, log, now: () => clock.now }) }
}

test('many processes of one app that are killed at once are told as one, later ones anew', () => {
  const { clock, logged, noted, overruns: told } = overruns()
  for (clock.now = 0; clock.now < 30_000; clock.now += 1_000) told.note('notes', 'killed', 64)
  assert.deepEqual(noted, [
    { app: 'notes', kind: 'killed', limit: 64, at: 0 },
    { app: 'notes', kind: 'killed', limit: 64, at: 10_000 },
    { app: 'notes', kind: 'killed', limit: 64, at: 20_000 },
  ])
  assert.deepEqual(logged, ['over_its_limit', 'over_its_limit', 'over_its_limit'])
  told.note('shop', 'full', 64)
  assert.equal(noted.length, 4)
})

test('where it cannot be stored the log tells', () => {
  const { logged, overruns: told } = overruns(() => {
    throw new Error('disk full')
  })
  told.note('notes', 'killed', 64)
  assert.deepEqual(logged, ['over_its_limit', 'overrun_not_noted'])
})

test('an app that is made anew under the same name begins with nothing', () => {
  const { noted, overruns: told } = overruns()
  told.note('notes', 'killed', 64)
  told.forget('notes')
  told.note('notes', 'killed', 64)
  assert.equal(noted.length, 2)
})
