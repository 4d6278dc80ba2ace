import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { answer, answerLines, app, fakeHost, noContent, run, start } from './fake-host.ts'

const MiB = 1024 ** 2

test('ls is a table; colours only where they are wanted', async () => {
  const apps = [
    app('notes', {
      state: 'awake',
      lastUsedAt: new Date(Date.now() - 185_000).toISOString(),
      release: 12,
      memory: { now: 21 * MiB, peak: null, suggested: null },
    }),
    app('a-longer-name', { runtime: null, release: null }),
  ]
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps }) })
  const { code, stdout, stderr } = await run(['ls'], { host })
  assert.equal(code, 0)
  assert.equal(stderr, '')
  assert.equal(
    stdout,
    `NAME           STATE   MEMORY  RELEASE  RUNTIME  LAST USED  URL
notes          awake   21 MiB  12       node     3 min ago  http://notes.localhost:8080
a-longer-name  asleep  –       –        –        –          http://a-longer-name.localhost:8080
`,
  )
  const coloured = await run(['ls'], { host, env: { FORCE_COLOR: '1' } })
  assert.ok(coloured.stdout.includes('\u001b[32mawake\u001b[39m   21 MiB '))
})

test('ls says how much of the memory for apps is taken', async () => {
  const memory = { budget: 600 * MiB, charged: 412 * MiB }
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps: [app('notes')], memory }) })
  assert.match(
    (await run(['ls'], { host })).stderr,
    /^412 MiB of 600 MiB of memory are taken \(DORMICE_MEMORY\)$/m,
  )
})

test('ls --json is what the API answers', async () => {
  const apps = [app('notes')]
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps }) })
  const { stdout } = await run(['ls', '--json'], { host })
  assert.deepEqual(JSON.parse(stdout), { apps })
})

test('ls without apps says what to type next, and nothing on stdout', async () => {
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps: [] }) })
  const { code, stdout, stderr } = await run(['ls'], { host })
  assert.equal(code, 0)
  assert.equal(stdout, '')
  assert.match(stderr, /No apps yet\. Put a folder online: dormice deploy \.\/my-app/)
})

test('ls says why an app crashed', async () => {
  const failure = {
    at: '2026-01-01T00:00:00.000Z',
    message: 'it ended with code 1',
    log: 'x',
    retryAt: '2026-01-01T00:00:01.000Z',
  }
  await using host = await fakeHost({
    'GET /v1/apps': answer({ apps: [app('notes', { state: 'crashed', failure })] }),
  })
  const { stdout, stderr } = await run(['ls'], { host })
  assert.match(stdout, /notes {2}crashed/)
  assert.match(stderr, /notes: it ended with code 1; dormice logs notes shows its log/)
})

test('ls says how to go on with an app whose image is gone', async () => {
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps: [app('notes', { state: 'lost' })] }) })
  const { stderr } = await run(['ls'], { host })
  assert.match(stderr, /notes: its image is gone .* go back to an older snapshot: dormice timeline notes/)
})

test('wake, freeze, sleep and restart say what happened and how long it took', async () => {
  await using host = await fakeHost({
    'POST /v1/apps/notes/wake': answer(app('notes', { state: 'awake' })),
    'POST /v1/apps/notes/freeze': answer(app('notes', { state: 'frozen' })),
    'POST /v1/apps/notes/sleep': answer(app('notes')),
    'POST /v1/apps/notes/restart': answer(app('notes', { state: 'awake' })),
  })
  const said = async (verb: string) =>
    (await run([verb, 'notes'], { host })).stdout.replace(/\(.* m?s\)/, '(time)')
  assert.equal(await said('wake'), 'notes is awake (time)  http://notes.localhost:8080\n')
  assert.equal(await said('freeze'), 'notes is frozen (time)\n')
  assert.equal(await said('sleep'), 'notes is asleep (time)\n')
  assert.equal(await said('restart'), 'notes is restarted, awake (time)  http://notes.localhost:8080\n')
  const { stdout } = await run(['sleep', 'notes', '--json'], { host })
  assert.deepEqual(JSON.parse(stdout), app('notes'))
})

test('a move of an app that somebody has moved on since says both', async () => {
  await using host = await fakeHost({
    'POST /v1/apps/notes/sleep': answer(app('notes', { state: 'waking' })),
    'POST /v1/apps/notes/wake': answer(app('notes', { state: 'falling-asleep' })),
  })
  assert.match(
    (await run(['sleep', 'notes'], { host })).stdout,
    /^notes was put to sleep, and by now is waking /,
  )
  assert.match(
    (await run(['wake', 'notes'], { host })).stdout,
    /^notes was woken, and by now is falling-asleep /,
  )
})

test('an app’s name is one part of the path, whatever is in it', async () => {
  await using host = await fakeHost({})
  const { code } = await run(['wake', '../apps/x?y'], { host })
  assert.equal(code, 1)
  assert.deepEqual(host.asked, ['POST /v1/apps/..%2Fapps%2Fx%3Fy/wake'])
})

test('open prints the address and opens it where there is a display', async t => {
  const opened = Promise.withResolvers<void>()
  await using host = await fakeHost({
    'GET /opened': (_, response) => {
      response.end()
      opened.resolve()
    },
    'GET /v1/apps/notes': (request, response) =>
      answer(app('notes', { url: `http://127.0.0.1:${host.port}/opened` }))(request, response),
  })
  const bin = mkdtempSync(join(tmpdir(), 'dormice-cli-'))
  t.after(() => rmSync(bin, { recursive: true }))
  writeFileSync(join(bin, 'xdg-open'), `#!${process.execPath}\nfetch(process.argv[2])`, { mode: 0o755 })
  const PATH = bin + delimiter + process.env['PATH']

  const without = await run(['open', 'notes'], { host, env: { PATH } })
  assert.equal(without.stdout, `http://127.0.0.1:${host.port}/opened\n`)
  assert.deepEqual(host.asked, ['GET /v1/apps/notes'])
  if (process.platform !== 'linux') return
  const { code } = await run(['open', 'notes'], { host, env: { PATH, DISPLAY: ':0' } })
  assert.equal(code, 0)
  await opened.promise
})

test('open does not hand on what is no address', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes': answer(app('notes', { url: '--help' })) })
  const { code, stdout } = await run(['open', 'notes'], { host, env: { DISPLAY: ':0' } })
  assert.equal(code, 0)
  assert.equal(stdout, '--help\n')
})

test('open without a program that opens still prints the address', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes': answer(app('notes')) })
  const { code, stdout, stderr } = await run(['open', 'notes'], {
    host,
    env: { DISPLAY: ':0', PATH: '/nowhere' },
  })
  assert.deepEqual([code, stdout, stderr], [0, 'http://notes.localhost:8080\n', ''])
})

test('rm --yes deletes', async () => {
  await using host = await fakeHost({ 'DELETE /v1/apps/notes': noContent })
  const { code, stdout } = await run(['rm', 'notes', '--yes'], { host })
  assert.deepEqual([code, stdout], [0, 'notes is deleted\n'])
  assert.deepEqual(host.asked, ['DELETE /v1/apps/notes'])
})

test('env set sends all values in one call and says when they apply', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes/env': noContent })
  const { code, stdout, stderr } = await run(['env', 'set', 'notes', 'A=1=2', 'B=', 'A=3'], { host })
  assert.equal(code, 0)
  assert.equal(stdout, 'A is set\nB is set\n')
  assert.match(stderr, /applies from the next wake of notes; `dormice restart notes` applies it now/)
  assert.deepEqual(host.asked, ['PATCH /v1/apps/notes/env'])
  assert.deepEqual(JSON.parse(host.bodies[0]!), { A: '3', B: '' })
})

test('env set reads the value “-” from standard input, its last line end left out', async () => {
  await using host = await fakeHost({ 'PATCH /v1/apps/notes/env': noContent })
  const { code, stdout, stderr } = await run(['env', 'set', 'notes', 'KEY=-'], {
    host,
    input: 'hunter2\nmore\n',
  })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(host.bodies[0]!), { KEY: 'hunter2\nmore' })
  assert.doesNotMatch(stdout + stderr, /hunter2/)
})

test('env set that is refused does not say that anything is set', async () => {
  await using host = await fakeHost({})
  const { code, stdout, stderr } = await run(['env', 'set', 'notes', 'A=1', 'B=2'], { host })
  assert.deepEqual([code, stdout, stderr], [1, '', 'error: there is no app nope\n'])
})

test('env unset removes, env ls lists', async () => {
  const env = [{ key: 'API_KEY', updatedAt: new Date(Date.now() - 7_200_000).toISOString() }]
  await using host = await fakeHost({
    'DELETE /v1/apps/notes/env/A': noContent,
    'GET /v1/apps/notes/env': answer({ env }),
    'GET /v1/apps/site/env': answer({ env: [] }),
  })
  assert.equal((await run(['env', 'unset', 'notes', 'A'], { host })).stdout, 'A is removed\n')
  assert.equal((await run(['env', 'ls', 'notes'], { host })).stdout, 'KEY      SET\nAPI_KEY  2 h ago\n')
  assert.deepEqual(JSON.parse((await run(['env', 'ls', 'notes', '--json'], { host })).stdout), { env })
  assert.match((await run(['env', 'ls', 'site'], { host })).stderr, /site has no variables yet/)
})

const lines = [
  { at: '2026-01-31T12:00:00.123Z', stream: 'stdout', text: 'hello' },
  { at: '2026-01-31T12:00:01.000Z', stream: 'stderr', text: 'oh\u2028no' },
]

test('logs are time and text, stderr marked', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/logs': answerLines(...lines) })
  const { code, stdout } = await run(['logs', 'notes'], { host, env: { TZ: 'Europe/Berlin' } })
  assert.equal(code, 0)
  assert.equal(stdout, '2026-01-31 13:00:00.123   hello\n2026-01-31 13:00:01.000 ! oh\u2028no\n')
})

test('logs --json is a line of JSON for each', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/logs': answerLines(...lines) })
  const { stdout } = await run(['logs', 'notes', '--json'], { host })
  assert.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
    lines,
  )
})

test('logs hands on what part is wanted, a local time as UTC', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/logs': answerLines() })
  await run(['logs', 'notes'], { host })
  await run(['logs', 'notes', '--since', '10m', '--tail', '5'], { host })
  await run(['logs', 'notes', '--since', '2026-01-31 13:00:00.123'], { host, env: { TZ: 'Europe/Berlin' } })
  const query = host.asked.map(asked => Object.fromEntries(new URL(asked.slice(4), host.url).searchParams))
  assert.deepEqual(query, [{}, { since: '10m', tail: '5' }, { since: '2026-01-31T12:00:00.123Z' }])
})

test('logs -f shows a line as soon as it is there; Ctrl-C is its good end, and the host is left', async () => {
  const left = Promise.withResolvers<void>()
  await using host = await fakeHost({
    'GET /v1/apps/notes/logs': (_, response) => {
      response.on('close', () => left.resolve())
      response.setHeader('content-type', 'application/x-ndjson')
      response.write(`${JSON.stringify(lines[0])}\n`)
    },
  })
  const running = start(['logs', 'notes', '-f'], { host })
  const [first] = await once(running.stdout, 'data')
  assert.match(String(first), /hello\n$/)
  running.kill('SIGINT')
  const { code, stderr } = await running.ended
  assert.deepEqual([code, stderr], [0, ''])
  await left.promise
  assert.deepEqual(host.asked, ['GET /v1/apps/notes/logs?follow=true'])
})

test('logs -f that the host cuts off has failed', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes/logs': (_, response) => {
      response.setHeader('content-type', 'application/x-ndjson')
      response.write(`${JSON.stringify(lines[0])}\n`, () => response.destroy())
    },
  })
  const { code, stdout, stderr } = await run(['logs', 'notes', '-f'], { host })
  assert.equal(code, 1)
  assert.match(stdout, /hello\n$/)
  assert.match(stderr, /ended its answer too early/)
})

test('logs whose reader leaves, such as head, end without a word', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes/logs': (_, response) => {
      response.setHeader('content-type', 'application/x-ndjson')
      const more = () => {
        while (!response.destroyed && response.write(`${JSON.stringify(lines[0])}\n`.repeat(100)));
      }
      response.on('drain', more)
      more()
    },
  })
  const running = start(['logs', 'notes', '-f'], { host })
  await once(running.stdout, 'data')
  running.stdout.destroy()
  assert.equal((await running.exit).code, 0)
})
