import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReleaseShape, SnapshotShape } from '../api/shapes.ts'
import { answer, answerProblem, app, fakeHost, type Handler, noContent, run } from './fake-host.ts'
import { stateBefore } from './points.ts'

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000 - 1000).toISOString()

function release(number: number, more: Partial<ReleaseShape> = {}): ReleaseShape {
  const source = { kind: 'upload' as const, sha256: 'x', bytes: 12_345 }
  return { app: 'notes', number, current: false, runtime: 'node', createdAt: ago(300), source, ...more }
}

function snapshot(number: number, more: Partial<SnapshotShape> = {}): SnapshotShape {
  return {
    app: 'notes',
    number,
    current: false,
    release: 1,
    createdAt: ago(200 - number),
    reason: 'idle',
    image: `dormice-x/notes:s${number}`,
    size: 1000,
    layers: 5 + number,
    bytes: 1234,
    pinned: false,
    source: null,
    changed: { added: 1, changed: 0, deleted: 0 },
    ...more,
  }
}

/** Answers each time with the next one, the last one for ever. */
function inTurn(...answers: unknown[]): Handler {
  return (request, response) => answer(answers.length > 1 ? answers.shift() : answers[0])(request, response)
}

test('timeline is one table in the order of time, with what is current', async () => {
  const releases = [
    release(1, { createdAt: '2026-01-02T03:04:05.000Z' }),
    release(2, { createdAt: ago(100), current: true, source: { kind: 'image', reference: 'nginx:1.27' } }),
  ]
  const snapshots = [
    snapshot(1, { createdAt: ago(180), changed: { added: 3, changed: 1, deleted: 2 }, pinned: true }),
    snapshot(2, { createdAt: ago(130), reason: 'memory', changed: { added: 0, changed: 0, deleted: 0 } }),
    snapshot(3, { createdAt: ago(99), release: 2, reason: 'carried', changed: null }),
    snapshot(4, { createdAt: ago(3), release: 1, reason: 'rollback', source: 1, current: true, bytes: 0 }),
  ]
  await using host = await fakeHost({
    'GET /v1/apps/notes/releases': answer({ releases }),
    'GET /v1/apps/notes/snapshots': answer({ snapshots, overruns: [] }),
  })
  const { code, stdout, stderr } = await run(['timeline', 'notes'], { host, env: { TZ: 'UTC' } })
  assert.equal(code, 0)
  assert.equal(
    stdout,
    `   POINT      WHEN              WHY                   CHANGED   ADDED   LAYERS
   r1         2026-01-02 03:04  deployed node, 12 kB
     s1       3 h ago           idle                  +3 ~1 −2  1.2 kB  6       pinned
     s2       2 h ago           memory                0         1.2 kB  7
*  r2         1 h ago           deployed nginx:1.27
     s3       1 h ago           kept for r2           –         1.2 kB  8
*    s4 (r1)  3 min ago         back to s1            +1        0 B     9
`,
  )
  assert.equal(
    stderr,
    '\nWhat one changed: dormice diff notes s4\nGo back to one:   dormice rollback notes s3\n',
  )
  const json = await run(['timeline', 'notes', '--json'], { host })
  assert.deepEqual(JSON.parse(json.stdout), { app: 'notes', releases, snapshots, overruns: [] })
})

test('timeline tells what a rollback left from what it made', async () => {
  const rollback = { reason: 'rollback' }
  const snapshots = [
    snapshot(1, { release: 2, ...rollback }),
    snapshot(2, { ...rollback }),
    snapshot(3, { ...rollback }),
    snapshot(4, { release: 2, source: 1, ...rollback }),
    snapshot(5, { release: 2, reason: 'deploy' }),
  ]
  await using host = await fakeHost({
    'GET /v1/apps/notes/releases': answer({ releases: [release(1), release(2)] }),
    'GET /v1/apps/notes/snapshots': answer({ snapshots, overruns: [] }),
  })
  const { stdout } = await run(['timeline', 'notes'], { host })
  const why = stdout.match(/(?<= ago +)(before a|back to) \S+/g)
  assert.deepEqual(why, [
    'before a rollback',
    'back to r1',
    'before a rollback',
    'back to s1',
    'before a deploy',
  ])
})

test('timeline shows what the app was until a deploy before the release that it deployed', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes/releases': answer({
      releases: [release(1), release(2, { createdAt: ago(10), current: true })],
    }),
    'GET /v1/apps/notes/snapshots': answer({
      snapshots: [
        snapshot(1, { createdAt: ago(9), reason: 'deploy' }),
        snapshot(2, { createdAt: ago(8), release: 2, current: true }),
      ],
      overruns: [],
    }),
  })
  const { stdout } = await run(['timeline', 'notes'], { host })
  assert.deepEqual(stdout.match(/\b[rs]\d\b/g), ['r1', 's1', 'r2', 's2'])
})

test('timeline shows when the app reached its memory limit, and how to give it more', async () => {
  const overrun = (kind: 'killed' | 'full', minutes: number, times: number) => {
    return { kind, limit: 64 * 1024 ** 2, at: ago(minutes), until: ago(1), times }
  }
  const known = app('notes')
  const { settings } = known
  const limitedTo = (memory: number) => answer({ ...known, settings: { ...settings, memory } })
  const history = {
    'GET /v1/apps/notes/releases': answer({ releases: [release(1)] }),
    'GET /v1/apps/notes/snapshots': answer({
      snapshots: [snapshot(1, { createdAt: ago(60) })],
      overruns: [overrun('full', 120, 1), overrun('killed', 5, 3)],
    }),
  }
  {
    await using host = await fakeHost({ ...history, 'GET /v1/apps/notes': limitedTo(64 * 1024 ** 2) })
    const { stdout, stderr } = await run(['timeline', 'notes'], { host })
    assert.deepEqual(
      stdout
        .split('\n')
        .slice(1, -1)
        .map(line => line.slice(0, 59).trimEnd()),
      [
        '   r1     5 h ago    deployed node, 12 kB',
        '!         2 h ago    memory full: 64 MiB',
        '     s1   1 h ago    idle                            +1',
        '!         5 min ago  out of memory: 64 MiB, 3 times',
      ],
    )
    assert.match(
      stderr,
      /^\nnotes wanted more than its 64 MiB of memory, and a process of it was killed\.\nGive it more: dormice set notes memory=96m\n/,
    )
  }
  await using host = await fakeHost({ ...history, 'GET /v1/apps/notes': limitedTo(128 * 1024 ** 2) })
  const { stderr } = await run(['timeline', 'notes'], { host })
  assert.doesNotMatch(stderr, /wanted more/)
})

test('timeline of an app without snapshots says how to get one', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes/releases': answer({ releases: [release(1, { current: true })] }),
    'GET /v1/apps/notes/snapshots': answer({ snapshots: [], overruns: [] }),
  })
  const { code, stdout, stderr } = await run(['timeline', 'notes'], { host })
  assert.equal(code, 0)
  assert.match(stdout, /^\* {2}r1 /m)
  assert.match(stderr, /No snapshots yet[\s\S]+Take one now: dormice snapshot notes\n/)
})

test('snapshot says what was taken, or that nothing was written', async () => {
  await using host = await fakeHost({
    'POST /v1/apps/notes/snapshots': inTurn(
      { taken: true, snapshot: snapshot(5) },
      { taken: false, snapshot: snapshot(5) },
      { taken: false, snapshot: null },
    ),
  })
  const first = await run(['snapshot', 'notes'], { host })
  assert.equal(first.stdout, 's5 is taken of notes (1.2 kB)\n')
  assert.equal(first.stderr, 'Go back to it: dormice rollback notes s5\n')
  const second = await run(['snapshot', 'notes'], { host })
  assert.deepEqual([second.code, second.stdout], [0, 'no new snapshot: notes has written nothing since s5\n'])
  const never = (await run(['snapshot', 'notes'], { host })).stdout
  assert.equal(never, 'no snapshot: notes has written nothing since it was deployed\n')
  const { taken } = JSON.parse((await run(['snapshot', 'notes', '--json'], { host })).stdout)
  assert.equal(taken, false)
})

test('pin pins, and with --off unpins', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes/snapshots/12': answer(snapshot(12)) })
  const on = await run(['pin', 'notes', 's12'], { host })
  assert.deepEqual(
    [on.stdout, on.stderr],
    ['s12 of notes is pinned\n', 'Undo: dormice pin notes s12 --off\n'],
  )
  assert.equal(
    (await run(['pin', 'notes', '12', '--off'], { host })).stdout,
    's12 of notes is not pinned any more\n',
  )
  assert.deepEqual(
    host.bodies.map(body => JSON.parse(body)),
    [{ pinned: true }, { pinned: false }],
  )
})

test('forget --yes deletes a snapshot', async () => {
  await using host = await fakeHost({ 'DELETE /v1/apps/notes/snapshots/12': noContent })
  const { code, stdout } = await run(['forget', 'notes', 's12', '--yes'], { host })
  assert.deepEqual([code, stdout], [0, 's12 of notes is deleted\n'])
})

test('rollback to a snapshot says how to undo it: the snapshot that holds the state before', async () => {
  const before = [snapshot(1), snapshot(2, { current: true })]
  const after = [
    snapshot(1),
    snapshot(2),
    snapshot(3, { reason: 'rollback' }),
    snapshot(4, { source: 1, current: true }),
  ]
  await using host = await fakeHost({
    'GET /v1/apps/notes': answer(app('notes', { release: 2, snapshot: 2 })),
    'GET /v1/apps/notes/snapshots': inTurn({ snapshots: before }, { snapshots: after }),
    'POST /v1/apps/notes/rollback': answer(app('notes', { release: 1, snapshot: 4 })),
  })
  const { code, stdout, stderr } = await run(['rollback', 'notes', 's1'], { host })
  assert.equal(code, 0)
  assert.match(
    stdout,
    /^notes is back at s1: release 1, and its files as they were then \(.* m?s\) {2}http:\/\/notes\.localhost:8080\n$/,
  )
  assert.equal(stderr, 'undo: dormice rollback notes s3\n')
  assert.deepEqual(
    host.bodies.map(body => JSON.parse(body)),
    [{ snapshot: 1 }],
  )
})

test('rollback to a release keeps what the app wrote', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes': answer(app('notes', { release: 2, snapshot: 2 })),
    'GET /v1/apps/notes/snapshots': inTurn(
      { snapshots: [snapshot(2, { release: 2, current: true })] },
      { snapshots: [snapshot(2, { release: 2 }), snapshot(3, { current: true })] },
    ),
    'POST /v1/apps/notes/rollback': answer(app('notes', { release: 1, snapshot: 3 })),
  })
  const { stdout, stderr } = await run(['rollback', 'notes', 'R1'], { host })
  assert.match(stdout, /^notes is back on release 1; what it wrote is kept, as s3 \(/)
  assert.equal(stderr, 'undo: dormice rollback notes s2\n')
  assert.deepEqual(JSON.parse(host.bodies[0]!), { release: 1 })
})

test('rollback of an app that never wrote anything is undone by its release', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes': answer(app('notes', { release: 2 })),
    'GET /v1/apps/notes/snapshots': answer({ snapshots: [], overruns: [] }),
    'POST /v1/apps/notes/rollback': answer(app('notes', { release: 1 })),
  })
  const { stdout, stderr } = await run(['rollback', 'notes', 'r1'], { host })
  assert.match(stdout, /^notes is back on release 1 \(/)
  assert.equal(stderr, 'undo: dormice rollback notes r2\n')
})

test('a rollback of an app that was lost promises no undo', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes': answer(app('notes', { state: 'lost', snapshot: 2 })),
    'GET /v1/apps/notes/snapshots': answer({ snapshots: [snapshot(1), snapshot(2, { current: true })] }),
    'POST /v1/apps/notes/rollback': answer(app('notes', { snapshot: 3 })),
  })
  const { code, stderr } = await run(['rollback', 'notes', 's1'], { host })
  assert.deepEqual([code, stderr], [0, ''])
})

test('a rollback that is refused changes nothing and says why', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes': answer(app('notes')),
    'GET /v1/apps/notes/snapshots': answer({ snapshots: [], overruns: [] }),
    'POST /v1/apps/notes/rollback': (_, response) =>
      answerProblem(response, { status: 404, code: 'unknown_snapshot', detail: 'notes has no snapshot s9' }),
  })
  const { code, stdout, stderr } = await run(['rollback', 'notes', '9'], { host })
  assert.deepEqual([code, stdout, stderr], [1, '', 'error: notes has no snapshot s9\n'])
})

test('the state before: one that was taken of the running app counts when nothing was written since', () => {
  const numberOf = (before: SnapshotShape[], after: SnapshotShape[]) =>
    stateBefore({ release: 1, snapshots: before }, after)?.number
  const current = snapshot(2, { current: true })
  const live = snapshot(3)
  const made = snapshot(4, { current: true, source: 1 })
  assert.equal(numberOf([snapshot(1), current, live], [snapshot(1), snapshot(2), live, made]), 3)
  assert.equal(numberOf([snapshot(1), current], [snapshot(1), snapshot(2), made]), 2)
  // Before it was rolled back it ran a release that had written nothing.
  const older = snapshot(2, { release: 0 })
  assert.equal(numberOf([older], [older, made]), undefined)
  assert.equal(numberOf([older], [older, live, made]), 3)
})

test('fork prints the new app’s address', async () => {
  await using host = await fakeHost({ 'POST /v1/apps/notes/fork': answer(app('notes-test')) })
  const { code, stdout, stderr } = await run(['fork', 'notes', 'notes-test', '--at', 's12'], { host })
  assert.deepEqual([code, stdout], [0, 'http://notes-test.localhost:8080\n'])
  assert.equal(stderr, 'notes-test is a copy of notes as it was at s12; it sleeps until its first request\n')
  await run(['fork', 'notes', 'notes-test'], { host })
  assert.deepEqual(
    host.bodies.map(body => JSON.parse(body)),
    [{ name: 'notes-test', snapshot: 12 }, { name: 'notes-test' }],
  )
})

test('diff lists what the newest snapshot changed; one path is one line', async () => {
  const changes = {
    changes: [
      { path: '/app/new file', kind: 'added' },
      { path: '/app/two\nlines\u001b[2J', kind: 'changed' },
      { path: '/app/old', kind: 'deleted' },
    ],
    total: { added: 1, changed: 5, deleted: 1 },
    truncated: true,
  }
  await using host = await fakeHost({
    'GET /v1/apps/notes/snapshots': answer({ snapshots: [snapshot(1), snapshot(2)] }),
    'GET /v1/apps/notes/snapshots/2/changes': answer(changes),
    'GET /v1/apps/empty/snapshots': answer({ snapshots: [] }),
  })
  const { code, stdout, stderr } = await run(['diff', 'notes'], { host })
  assert.equal(code, 0)
  assert.equal(stdout, 'A /app/new file\nM "/app/two\\nlines\\u001b[2J"\nD /app/old\n')
  assert.equal(stderr, '… and 4 more\ns2 of notes: +1 ~5 −1\n')
  const json = await run(['diff', 'notes', 's2', '--json'], { host })
  assert.deepEqual(JSON.parse(json.stdout), { snapshot: 2, ...changes })
  const coloured = await run(['diff', 'notes'], { host, env: { FORCE_COLOR: '1' } })
  assert.ok(coloured.stdout.startsWith('\u001b[32mA /app/new file\u001b[39m\n'))
  const empty = await run(['diff', 'empty'], { host })
  assert.deepEqual([empty.code, empty.stdout], [0, ''])
  assert.match(empty.stderr, /empty has no snapshots yet\. Take one now: dormice snapshot empty/)
})

test('nothing that an app or an import named can command the terminal or look like another line', async () => {
  const evil = '\u009b2J\u001b[2J\u202e\u2066x\u007f\n* r9'
  const escaped = String.raw`\u009b2J\u001b[2J\u202e\u2066x\u007f\n* r9`
  const changes = {
    changes: [{ path: `/${evil}`, kind: 'added' }],
    total: { added: 1, changed: 0, deleted: 0 },
  }
  const failed = app('notes', {
    state: 'crashed',
    failure: { at: ago(1), message: `it said ${evil}`, log: '', retryAt: ago(0) },
  })
  await using host = await fakeHost({
    'GET /v1/apps': answer({ apps: [failed] }),
    'GET /v1/apps/notes/releases': answer({
      releases: [release(1, { source: { kind: 'image', reference: evil } })],
    }),
    'GET /v1/apps/notes/snapshots': answer({
      snapshots: [snapshot(1, { reason: evil as 'idle' })],
      overruns: [],
    }),
    'GET /v1/apps/notes/snapshots/1/changes': answer({ ...changes, truncated: false }),
  })
  assert.equal((await run(['diff', 'notes'], { host })).stdout, `A "/${escaped}"\n`)
  const timeline = await run(['timeline', 'notes'], { host })
  assert.ok(timeline.stdout.includes(`deployed "${escaped}"`), timeline.stdout)
  assert.equal(timeline.stdout.trimEnd().split('\n').length, 3)
  for (const command of [
    ['ls'],
    ['timeline', 'notes'],
    ['diff', 'notes', '--json'],
    ['timeline', 'notes', '--json'],
  ]) {
    const { stdout, stderr } = await run(command, { host })
    assert.doesNotMatch(stdout + stderr, CONTROLS, command.join(' '))
  }
  const json = await run(['diff', 'notes', '--json'], { host })
  assert.equal(JSON.parse(json.stdout).changes[0].path, `/${evil}`)
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be printed.
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

test('restore tells of every app what is back; what cannot be brought back is a failure', async () => {
  const missing = ['dormice-x/site:s2']
  await using host = await fakeHost({
    'GET /v1/apps': answer({ apps: [app('notes'), app('one'), app('site')] }),
    'POST /v1/apps/notes/restore': answer({
      restored: ['dormice-x/notes:r1', 'dormice-x/notes:s3'],
      missing: [],
    }),
    'POST /v1/apps/one/restore': answer({ restored: [], missing: [] }),
    'POST /v1/apps/site/restore': answer({ restored: ['dormice-x/site:r1'], missing }),
  })
  const all = await run(['restore'], { host })
  assert.equal(all.code, 1)
  assert.equal(
    all.stdout,
    `✓ notes: 2 images brought back (r1, s3)
✓ one: nothing was missing
✓ site: 1 image brought back (r1)
✗ site: s2 cannot be brought back: neither on the engine nor in the data folder
`,
  )
  const one = await run(['restore', 'notes', '--json'], { host })
  assert.equal(one.code, 0)
  assert.deepEqual(JSON.parse(one.stdout).apps[0].app, 'notes')
})
