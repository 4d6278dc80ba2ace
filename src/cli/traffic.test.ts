import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TrafficShape } from '../api/shapes.ts'
import { answer, fakeHost, run } from './fake-host.ts'

const figures: TrafficShape = {
  requests: 120,
  statuses: { '1xx': 2, '2xx': 100, '3xx': 10, '4xx': 5, '5xx': 1 },
  unanswered: 2,
  aborted: { visitor: 3, app: 1, edge: 0 },
  byEdge: 1,
  received: 999,
  sent: 1_234_567,
  wakes: 4,
  latency: {
    none: { requests: 90, p50: 1.83, p95: 12.4, p99: 40 },
    held: { requests: 6, p50: 181, p95: 2310, p99: 2310 },
    cold: { requests: 6, p50: 181, p95: 2310, p99: 2310 },
    frozen: null,
  },
}
const idle: TrafficShape = {
  ...figures,
  requests: 1,
  statuses: { '1xx': 0, '2xx': 1, '3xx': 0, '4xx': 0, '5xx': 0 },
  aborted: { visitor: 0, app: 0, edge: 0 },
  wakes: 0,
  latency: { none: null, held: null, cold: null, frozen: null },
}

test('traffic is a table of all apps, and says what was for none', async () => {
  const all = {
    since: '2026-01-01T00:00:00.000Z',
    apps: [
      { app: 'notes', ...figures },
      { app: 'shop', ...idle },
    ],
    unrouted: { unknown_host: 12, bad_request: 1 },
  }
  await using host = await fakeHost({ 'GET /v1/traffic': answer(all) })
  const { code, stdout, stderr } = await run(['traffic'], { host })
  assert.equal(code, 0)
  assert.equal(
    stdout,
    `APP    REQUESTS  2XX  3XX  4XX  5XX  ABORTED  P50     P95    WAKES  HELD P50  HELD P95  IN     OUT
notes  120       100  10   5    1    4        1.8 ms  12 ms  4      181 ms    2.3 s     999 B  1.2 MB
shop   1         1    0    0    0    0        –       –      0      –         –         999 B  1.2 MB
`,
  )
  assert.equal(stderr, '\nFor no app, since the host started: 13 requests (unknown_host 12, bad_request 1)\n')
  assert.deepEqual(host.asked, ['GET /v1/traffic?since=23h'])
  const json = await run(['traffic', '--json'], { host })
  assert.deepEqual(JSON.parse(json.stdout), all)
})

test('traffic of one app is a table of its hours and their sum', async () => {
  const hours = [
    { hour: '2026-01-02T12:00:00.000Z', ...figures },
    { hour: '2026-01-02T14:00:00.000Z', ...idle },
  ]
  const one = { app: 'notes', since: '2026-01-02T12:00:00.000Z', total: { ...figures, requests: 121 }, hours }
  await using host = await fakeHost({ 'GET /v1/apps/notes/traffic': answer(one) })
  const { stdout } = await run(['traffic', 'notes', '--hours', '3'], { host, env: { TZ: 'Europe/Berlin' } })
  assert.deepEqual(
    stdout.split('\n').map(line => line.slice(0, 26).trimEnd()),
    [
      'HOUR              REQUESTS',
      '2026-01-02 13:00  120',
      '2026-01-02 15:00  1',
      'all               121',
      '',
    ],
  )
  assert.deepEqual(host.asked, ['GET /v1/apps/notes/traffic?since=2h'])
  const json = await run(['traffic', 'notes', '--json'], { host })
  assert.deepEqual(JSON.parse(json.stdout), one)
})

test('where nothing was asked traffic says since when', async () => {
  const since = '2026-01-02T12:00:00.000Z'
  await using host = await fakeHost({
    'GET /v1/traffic': answer({ since, apps: [], unrouted: {} }),
    'GET /v1/apps/notes/traffic': answer({ app: 'notes', since, total: idle, hours: [] }),
  })
  const env = { TZ: 'UTC' }
  assert.equal(
    (await run(['traffic'], { host, env })).stderr,
    'No app was asked anything since 2026-01-02 12:00.\n',
  )
  assert.equal(
    (await run(['traffic', 'notes'], { host, env })).stderr,
    'notes was asked nothing since 2026-01-02 12:00.\n',
  )
})
