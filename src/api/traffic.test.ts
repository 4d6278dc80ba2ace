import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { unknownApp } from '../apps/problems.ts'
import { silent } from '../log.ts'
import { Store } from '../store/store.ts'
import { record } from '../traffic/fixture.ts'
import { hourMs, Traffic } from '../traffic/traffic.ts'
import { problemHandler } from './problems.ts'
import type { Services } from './services.ts'
import { AllTrafficShape, AppTrafficShape } from './shapes.ts'
import { trafficRoutes } from './traffic.ts'

const noon = Date.parse('2026-01-02T12:00:00Z')
let time = noon
const now = () => time
const store = new Store(join(newFolder('traffic-api'), 'dormice.db'))
after(() => store[Symbol.dispose]())
for (const app of ['notes', 'quiet', 'shop']) store.createApp(app, 1)
const get = (name: string) => {
  if (store.app(name)) return { name }
  throw unknownApp(name)
}
const traffic = new Traffic({ store, log: silent, now })
const context = { store, now } as Partial<Context> as Context
const routes = trafficRoutes({ context, apps: { get } as Partial<Apps> as Apps, traffic } as Services)
routes.onError(problemHandler(silent))

for (let i = 0; i < 10; i++) traffic.add(record({ upstreamMs: 2, sent: 100 }))
traffic.add(record({ upstreamMs: 2, wake: 'cold', wakeMs: 198, first: true }))
time += hourMs
traffic.sweep()
traffic.add(record({ status: 503, code: 'app_crashed', upstreamMs: undefined }))
traffic.add(record({ app: 'shop', status: 0, aborted: 'visitor', upstreamMs: undefined }))
traffic.addUnrouted('unknown_host')
time += 60_000

async function call(path: string) {
  const answer = await routes.request(path)
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

test('an app’s traffic is told by hours and in all, the running hour included', async () => {
  const { body } = await call('/v1/apps/notes/traffic')
  const { total, hours, since } = AppTrafficShape.parse(body)
  assert.equal(since, '2026-01-01T13:00:00.000Z')
  assert.deepEqual(
    hours.map(({ hour, requests }) => [hour, requests]),
    [
      ['2026-01-02T12:00:00.000Z', 11],
      ['2026-01-02T13:00:00.000Z', 1],
    ],
  )
  const { latency, ...counted } = total
  assert.deepEqual(counted, {
    requests: 12,
    statuses: { '1xx': 0, '2xx': 11, '3xx': 0, '4xx': 0, '5xx': 1 },
    unanswered: 0,
    aborted: { visitor: 0, app: 0, edge: 0 },
    byEdge: 1,
    received: 0,
    sent: 1010,
    wakes: 1,
  })
  const { none, held, cold, frozen } = latency
  assert.equal(none?.requests, 10)
  assert.ok(Math.abs(none.p99 - 2) < 0.2)
  assert.ok(Math.abs(held!.p50 - 200) < 20)
  assert.deepEqual([held, frozen], [cold, null])
})

test('`since` says from when on, a time or a duration; hours are whole', async () => {
  for (const [since, requests] of [
    ['0h', 1],
    ['1h', 12],
    ['2026-01-02T12:59:00Z', 12],
    ['2026-01-02T13:30:00Z', 1],
    ['99999999999d', 12],
  ] as const) {
    const { body } = await call(`/v1/apps/notes/traffic?since=${since}`)
    assert.equal(body.total.requests, requests, since)
  }
  const { status, body } = await call('/v1/apps/notes/traffic?since=yesterday')
  assert.equal(status, 400)
  assert.match(body.detail, /since="yesterday" is not a time; accepted: /)
})

test('an app that was asked nothing has no hours and no percentiles', async () => {
  const { body } = await call('/v1/apps/quiet/traffic')
  const { total, hours } = AppTrafficShape.parse(body)
  assert.deepEqual([total.requests, total.latency.none, hours], [0, null, []])
})

test('of an unknown app there is no traffic', async () => {
  const { status, body } = await call('/v1/apps/nobody/traffic')
  assert.deepEqual([status, body.code], [404, 'unknown_app'])
})

test('the traffic of all apps has those that were asked something, and what was for none', async () => {
  const { body } = await call('/v1/traffic?since=0h')
  const { apps, unrouted } = AllTrafficShape.parse(body)
  assert.deepEqual(
    apps.map(({ app, requests, unanswered, aborted }) => [app, requests, unanswered, aborted.visitor]),
    [
      ['notes', 1, 0, 0],
      ['shop', 1, 1, 1],
    ],
  )
  assert.deepEqual(unrouted, { unknown_host: 1 })
})
