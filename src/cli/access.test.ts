import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessShape } from '../api/shapes.ts'
import { answer, answerProblem, app, fakeHost, run } from './fake-host.ts'

const none = app('notes')
const ruled = (access: AccessShape) => app('notes', { settings: { ...none.settings, access } })
const all: AccessShape = {
  allow: ['10.0.0.0/8', '2001:db8::/32'],
  deny: ['10.0.0.7'],
  auth: ['anna', 'ben'],
  rate: { requests: 20, per: 1000, burst: 40 },
  maxBody: 1_048_576,
  concurrency: 4,
  queueTimeout: 60_000,
}

test('access set sends the rules that are named and shows all that there are', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(ruled(all)) })
  const options = ['--allow', '10.0.0.0/8, 2001:db8::/32', '--rate', '20/s', '--max-body', '1m']
  const { code, stdout } = await run(['access', 'set', 'notes', ...options, '--concurrency', '4'], { host })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(host.bodies[0] ?? ''), {
    access: { allow: ['10.0.0.0/8', '2001:db8::/32'], rate: '20/s', maxBody: '1m', concurrency: 4 },
  })
  assert.equal(
    stdout,
    `allow        10.0.0.0/8, 2001:db8::/32
deny         10.0.0.7
users        anna, ben
rate         20 requests of an address in 1 s, 40 of them at once
max-body     1 MiB
concurrency  4 requests at a time; 100 more wait, for up to 1 min
`,
  )
})

test('a password comes from standard input and is not printed', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(ruled({ auth: ['anna'] })) })
  const { stdout, stderr } = await run(['access', 'set', 'notes', '--user', 'anna'], {
    host,
    input: 'correct horse\n',
  })
  assert.deepEqual(host.bodies, ['{"access":{"auth":{"anna":"correct horse"}}}'])
  assert.equal(stdout, 'users  anna\n')
  assert.doesNotMatch(stderr, /correct/)
})

test('an empty list of networks, which would let everybody in, is wrong usage', async () => {
  await using host = await fakeHost({})
  for (const option of ['--allow', '--deny']) {
    const { code, stderr } = await run(['access', 'set', 'notes', option, ' , '], { host })
    assert.equal(code, 2)
    assert.match(stderr, /Accepted: addresses and networks with commas between; `access unset` takes/)
  }
  assert.deepEqual(host.asked, [])
})

test('a user who is not there cannot be taken away: a name that was mistyped is seen', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes': answer(ruled({ auth: ['anna'] })) })
  const { code, stderr } = await run(['access', 'unset', 'notes', '--user', 'ana'], { host })
  assert.equal(code, 1)
  assert.equal(stderr, 'error: notes has no user "ana"; there is anna, and nothing is changed\n')
  assert.deepEqual(host.asked, ['GET /v1/apps/notes'])
})

test('rules about waiting are shown also where nobody has to wait', async () => {
  const queued = ruled({ queue: 0, queueTimeout: 5_000, maxBody: 1_500 })
  await using host = await fakeHost({ 'GET /v1/apps/notes': answer(queued) })
  const { stdout } = await run(['access', 'show', 'notes'], { host })
  assert.equal(
    stdout,
    `max-body       1500 bytes
queue          0, once concurrency is set
queue-timeout  5 s, once concurrency is set
`,
  )
})

test('access unset takes back rules, and single users', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes': answer(ruled(all)),
    'PATCH /v1/apps/notes': answer(none),
  })
  const { stdout, stderr } = await run(
    ['access', 'unset', 'notes', 'rate', 'max-body', '--user', 'anna,ben'],
    {
      host,
    },
  )
  assert.deepEqual(JSON.parse(host.bodies[0] ?? ''), {
    access: { auth: { anna: null, ben: null }, rate: null, maxBody: null },
  })
  assert.equal(stdout, '')
  assert.match(
    stderr,
    /^Everybody may come to notes\. To change that: dormice access set notes --user anna\n$/,
  )
  await run(['access', 'unset', 'notes', 'users'], { host })
  assert.equal(host.bodies[1], '{"access":{"auth":null}}')
})

test('access clear takes back all of them', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes': answer(none) })
  assert.equal((await run(['access', 'clear', 'notes'], { host })).code, 0)
  assert.deepEqual(host.bodies, ['{"access":null}'])
})

test('access show shows them, with --json as the API does', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes': answer(ruled(all)) })
  assert.match((await run(['access', 'show', 'notes'], { host })).stdout, /^allow {8}10\.0\.0\.0\/8, /)
  const { stdout } = await run(['access', 'show', 'notes', '--json'], { host })
  assert.deepEqual(JSON.parse(stdout), { access: all })
})

test('what the host does not accept is one sentence', async () => {
  await using host = await fakeHost({
    'PATCH /v1/apps/notes': (_, response) =>
      answerProblem(response, {
        code: 'invalid_settings',
        status: 400,
        detail: 'access.rate: "fast" is not a rate; accepted: e.g. "20/s"',
      }),
  })
  const { code, stderr } = await run(['access', 'set', 'notes', '--rate', 'fast'], { host })
  assert.equal(code, 1)
  assert.match(stderr, /access\.rate: "fast" is not a rate; accepted: e\.g\. "20\/s"/)
})
