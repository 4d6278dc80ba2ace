import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { unknownApp } from '../apps/problems.ts'
import { WakeTraces } from '../apps/wake-traces.ts'
import { silent } from '../log.ts'
import { Store } from '../store/store.ts'
import { problemHandler } from './problems.ts'
import type { Services } from './services.ts'
import { WakeShape } from './shapes.ts'
import { wakeRoutes } from './wakes.ts'

const noon = Date.parse('2026-01-02T12:00:00Z')
const store = new Store(join(newFolder('wakes-api'), 'dormice.db'))
after(() => store[Symbol.dispose]())
for (const app of ['notes', 'quiet']) store.createApp(app, 1)
const get = (name: string) => {
  if (store.app(name)) return { name }
  throw unknownApp(name)
}
const wakes = new WakeTraces({ store, log: silent, now: () => noon })
const context = { store, wakes } as Partial<Context> as Context
const routes = wakeRoutes({ context, apps: { get } as Partial<Apps> as Apps } as Services)
routes.onError(problemHandler(silent))

const parts = [
  { name: 'queue', ms: 1 },
  { name: 'create', ms: 6 },
  { name: 'start', ms: 60.25 },
  { name: 'ready', ms: 64 },
] as const
wakes.note('notes', { kind: 'cold', ms: 131.25, parts }, 'awake')
wakes.sweep(true)
wakes.note('notes', { kind: 'frozen', ms: 30_000 }, 'no_memory', noon + 60_000)

async function call(path: string) {
  const answer = await routes.request(path)
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

test('an app’s wakes are told newest first, stored or not, with their parts by name', async () => {
  const { body } = await call('/v1/apps/notes/wakes')
  assert.deepEqual(
    body.wakes.map((wake: unknown) => WakeShape.parse(wake)),
    [
      { at: '2026-01-02T12:00:30.000Z', kind: 'frozen', outcome: 'no_memory', ms: 30_000, parts: {} },
      {
        at: '2026-01-02T11:59:59.869Z',
        kind: 'cold',
        outcome: 'awake',
        ms: 131.3,
        parts: { queue: 1, create: 6, start: 60.3, ready: 64 },
      },
    ],
  )
  assert.deepEqual((await call('/v1/apps/quiet/wakes')).body, { wakes: [] })
})

test('`limit` says how many, from 1 to 100', async () => {
  for (const [limit, many] of [
    ['1', 1],
    ['100', 2],
  ]) {
    assert.equal((await call(`/v1/apps/notes/wakes?limit=${limit}`)).body.wakes.length, many)
  }
  for (const limit of ['0', '-1', '101', '1.5', 'all', '']) {
    const { status, body } = await call(`/v1/apps/notes/wakes?limit=${limit}`)
    assert.deepEqual([status, body.detail], [400, 'limit: accepted: 1 to 100'])
  }
})

test('of an unknown app there are no wakes', async () => {
  const { status, body } = await call('/v1/apps/nobody/wakes')
  assert.deepEqual([status, body.code], [404, 'unknown_app'])
})
