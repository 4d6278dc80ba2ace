import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppShape } from '../api/shapes.ts'
import { AppSettings } from '../releases/manifest.ts'
import { answer, answerProblem, app, fakeHost, run } from './fake-host.ts'
import { readValue, showValue } from './setting-values.ts'
import { settings } from './settings.ts'

const MiB = 1024 * 1024
const plain = app('notes')

/** An app with settings that come from somewhere. */
function notes(
  changed: Partial<AppShape['settings']>,
  sources: AppShape['settingSources'],
  more: Partial<AppShape> = {},
): AppShape {
  return app('notes', {
    settings: { ...plain.settings, ...changed },
    settingSources: { ...plain.settingSources, ...sources },
    ...more,
  })
}

test('show tells what an app is doing and each of its settings, with where it comes from', async () => {
  const { access: _, ...sources } = plain.settingSources
  const shown = app('notes', {
    state: 'awake',
    release: 3,
    lastUsedAt: new Date(Date.now() - 185_000).toISOString(),
    settings: {
      ...plain.settings,
      memory: 512 * MiB,
      sleepAfter: 90_000,
      ignore: { paths: ['/health', '/a,b'], userAgents: ['monitors'] },
      waiting: { title: 'Good\u202e morning' },
      access: { auth: ['anna'], maxBody: MiB },
    },
    settingSources: {
      ...sources,
      memory: 'set',
      ignore: 'dormice.json',
      'access.auth': 'set',
      'access.maxBody': 'dormice.json',
    },
    pendingSettings: ['memory'],
  })
  await using host = await fakeHost({ 'GET /v1/apps/notes': answer(shown) })
  const { code, stdout, stderr } = await run(['show', 'notes'], { host })
  assert.equal(code, 0)
  assert.equal(
    stdout,
    `state      awake
address    http://notes.localhost:8080
release    r3, node
last used  3 min ago
memory     not known yet

SETTING          FROM          VALUE
memory           set by hand   512 MiB
cpu              default       1
pids             default       256
disk             default       2 GiB
sleepAfter       default       90 s
freezeAfter      default       30 s
freeze           default       auto
idle             default       requests
wakeTimeout      default       30 s
startTimeout     default       30 s
maxWaiting       default       512
ignore           dormice.json  paths /health, "/a,b"; User-Agents monitors
waiting          default       {"title":"Good\\u202e morning"}
access users     set by hand   anna
access max-body  dormice.json  1 MiB
`,
  )
  assert.equal(
    stderr,
    '\nmemory applies once notes has slept; `dormice restart notes` applies it now.\n' +
      '\nTo change one: dormice set notes sleepAfter=30m\n',
  )
  assert.deepEqual(JSON.parse((await run(['show', 'notes', '--json'], { host })).stdout), shown)
})

test('show tells memory in one unit: what the app has, its most, its limit and one that would fit', async () => {
  const shown = app('notes', { memory: { now: 34.2 * MiB, peak: 56 * MiB, suggested: 96 * MiB } })
  await using host = await fakeHost({ 'GET /v1/apps/notes': answer(shown) })
  const { stdout, stderr } = await run(['show', 'notes'], { host })
  assert.match(stdout, /^memory {5}34 MiB, 56 MiB at most so far$/m)
  assert.match(stdout, /^memory {8}default {2}256 MiB$/m)
  assert.match(stderr, /^A limit that fits what it needs: dormice set notes memory=96m$/m)
})

test('show of an app that never ran, and of one that crashed, says so', async () => {
  const failure = {
    at: '2026-01-01T00:00:00.000Z',
    message: 'it ended with code 1',
    log: 'x',
    retryAt: '2026-01-01T00:00:01.000Z',
  }
  await using host = await fakeHost({
    'GET /v1/apps/new': answer(app('new', { release: null, runtime: null })),
    'GET /v1/apps/notes': answer(app('notes', { state: 'crashed', failure })),
  })
  const { stdout } = await run(['show', 'new'], { host })
  assert.match(stdout, /^release {4}none yet\nlast used {2}never$/m)
  assert.match(stdout, /^ignore +default {2}none\nwaiting +default {2}on\naccess +default {2}everybody$/m)
  const { stderr } = await run(['show', 'notes'], { host })
  assert.match(stderr, /notes: it ended with code 1; dormice logs notes shows its log/)
})

test('an app that lately reached its memory limit is shown with that limit, and with what to type', async () => {
  const at = (ms: number) => new Date(Date.now() - ms).toISOString()
  const hour = 3_600_000
  const reached = (limit: number, until: number) =>
    app('notes', {
      memory: { now: null, peak: 256 * MiB, suggested: 384 * MiB },
      overrun: { kind: 'killed', limit, at: at(48 * hour), until: at(until), times: 2 },
    })
  const told =
    /^notes wanted more than its 256 MiB of memory, and a process of it was killed\.\nGive it more: dormice set notes memory=384m$/m
  {
    const shown = reached(256 * MiB, hour)
    await using host = await fakeHost({
      'GET /v1/apps': answer({ apps: [shown] }),
      'GET /v1/apps/notes': answer(shown),
    })
    assert.match((await run(['ls'], { host })).stderr, told)
    const { stderr } = await run(['show', 'notes'], { host })
    assert.match(stderr, told)
    assert.doesNotMatch(stderr, /A limit that fits/)
  }
  const apps = [reached(256 * MiB, 25 * hour), reached(128 * MiB, hour)]
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps }) })
  assert.equal((await run(['ls'], { host })).stderr, '')
})

test('set sends all settings in one call, as the API takes them, and shows what they are then', async () => {
  const after = notes(
    { cpu: 0.5, sleepAfter: 1_800_000 },
    { cpu: 'set', sleepAfter: 'set', pids: 'dormice.json' },
  )
  await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(after) })
  const settings = ['memory=', 'cpu=0.5', 'sleepAfter=30m', 'idle=cpu', 'maxWaiting=10']
  const { code, stdout, stderr } = await run(['set', 'notes', ...settings, '--unset', 'pids, disk'], { host })
  assert.equal(code, 0)
  assert.deepEqual(host.asked, ['PATCH /v1/apps/notes'])
  assert.deepEqual(JSON.parse(host.bodies[0]!), {
    memory: null,
    cpu: 0.5,
    sleepAfter: '30m',
    idle: 'cpu',
    maxWaiting: 10,
    pids: null,
    disk: null,
  })
  assert.match(stdout, /^memory {6}default {7}256 MiB\ncpu {9}set by hand {3}0\.5\nsleepAfter {2}set by hand/)
  assert.match(stdout, /\npids {8}dormice\.json {2}256\n/)
  assert.equal(stderr, 'memory, cpu and pids apply when notes wakes, the rest at once.\n')
})

const structured: [typed: string, sent: unknown][] = [
  ['ignore=/health, /wp-*,monitors', { ignore: { paths: ['/health', '/wp-*'], userAgents: ['monitors'] } }],
  ['ignore=monitors', { ignore: { userAgents: ['monitors'] } }],
  ['ignore=none', { ignore: {} }],
  ['ignore={"paths": ["/a,b"]}', { ignore: { paths: ['/a,b'] } }],
  ['waiting=off', { waiting: 'off' }],
  ['waiting=on', { waiting: {} }],
  ['waiting={"title": "Good morning"}', { waiting: { title: 'Good morning' } }],
  ['access={"rate": "20/s"}', { access: { rate: '20/s' } }],
  ['access=', { access: null }],
]

test('structured settings have short forms, or are JSON', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(plain) })
  await Promise.all(structured.map(([typed]) => run(['set', 'notes', typed], { host })))
  const sent = (body: string) => host.bodies.includes(body)
  for (const [typed, json] of structured) assert.ok(sent(JSON.stringify(json)), typed)
})

const applied: [changed: string[], now: Partial<AppShape>, said: RegExp][] = [
  [['sleepAfter=30m'], { state: 'awake' }, /^This applies at once\.$/m],
  // Back to what it was created with.
  [['memory='], { state: 'awake' }, /^This applies at once\.$/m],
  [
    ['memory=1g'],
    { state: 'awake', pendingSettings: ['memory', 'cpu'] },
    /^memory applies once notes has slept; `dormice restart notes` applies it now\.$/m,
  ],
  [
    ['memory=1g', 'pids=64', 'idle=cpu'],
    { state: 'frozen', pendingSettings: ['memory', 'pids'] },
    /^memory and pids apply once notes has slept, the rest at once; `dormice restart notes` applies/m,
  ],
  [['pids=64'], { state: 'asleep' }, /^pids applies when notes wakes\.$/m],
]

test('set says when that applies, and for an awake app how to have it now', async () => {
  for (const [changed, now, said] of applied) {
    await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(app('notes', now)) })
    assert.match((await run(['set', 'notes', ...changed], { host })).stderr, said)
  }
})

test('more cores than the machine has are said to be too many', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(notes({ cpu: 2 }, { cpu: 'set' })) })
  const { stderr } = await run(['set', 'notes', 'cpu=8'], { host })
  assert.match(stderr, /^cpu is 2, for the machine has no more cores\.$/m)
})

test('an app that sleeps before it would be frozen is said to, where that is set and shown', async () => {
  const late = notes({ freezeAfter: 600_000 }, { freezeAfter: 'set' })
  const off = notes({ freezeAfter: 600_000, freeze: 'off' }, {})
  await using host = await fakeHost({
    'PATCH /v1/apps/notes': answer(late),
    'GET /v1/apps/notes': answer(late),
    'GET /v1/apps/off': answer(off),
  })
  const said =
    /^freezeAfter \(10 min\) is not less than sleepAfter \(5 min\): when idle, notes sleeps without/m
  assert.match((await run(['set', 'notes', 'freezeAfter=10m'], { host })).stderr, said)
  assert.match((await run(['show', 'notes'], { host })).stderr, said)
  for (const other of [
    ['set', 'notes', 'pids=64'],
    ['show', 'off'],
  ])
    assert.doesNotMatch((await run(other, { host })).stderr, /freezeAfter \(/)
})

test('set --json is what the API answers', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(plain) })
  const { stdout, stderr } = await run(['set', 'notes', 'pids=64', '--json'], { host })
  assert.deepEqual([JSON.parse(stdout), stderr], [plain, ''])
})

test('what the host does not accept is one sentence', async () => {
  await using host = await fakeHost({
    'PATCH /v1/apps/notes': (_, response) =>
      answerProblem(response, {
        code: 'invalid_settings',
        status: 400,
        detail: 'there is no setting "mem"; did you mean memory?',
      }),
  })
  const { code, stdout, stderr } = await run(['set', 'notes', 'mem=1g'], { host })
  assert.deepEqual(
    [code, stdout, stderr],
    [1, '', 'error: there is no setting "mem"; did you mean memory?\n'],
  )
})

test('a setting that only a newer host knows can be set and is shown', () => {
  assert.equal(readValue('later', '30m'), '30m')
  assert.deepEqual([showValue('freezeAfter', null), showValue('later', null)], ['never', '–'])
  assert.deepEqual(
    [true, 3, { a: 1 }, undefined].map(value => showValue('later', value)),
    ['true', '3', '{"a":1}', '–'],
  )
})

test('help names the settings that there are, with bounds that are accepted and not exceeded', async () => {
  assert.deepEqual(Object.keys(settings).sort(), Object.keys(AppSettings.shape).sort())
  const takes = (name: string, text: string) =>
    AppSettings.safeParse({ [name]: readValue(name, text) }).success
  const lines = (await run(['set', '--help'])).stdout.split('\n')
  for (const [name, { accepted }] of Object.entries(settings)) {
    assert.ok(
      lines.some(line => line.startsWith(`  ${name} `) && line.includes(` ${accepted}  `)),
      name,
    )
    const [, least, most] = /^(\S+) (?:to (\S+)|and more)$/.exec(accepted) ?? []
    const scaled = (bound: string, factor: number) =>
      bound.replace(/^[\d.]+/, it => String(Number(it) * factor))
    if (least) assert.deepEqual([takes(name, least), takes(name, scaled(least, 0.9))], [true, false], name)
    if (most) assert.deepEqual([takes(name, most), takes(name, scaled(most, 1.1))], [true, false], name)
  }
})
