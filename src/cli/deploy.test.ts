import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  answer,
  answerLines,
  answerProblem,
  app,
  type Ended,
  fakeHost,
  type Handler,
  run,
  start,
} from './fake-host.ts'

let root = ''
before(() => {
  root = mkdtempSync(join(tmpdir(), 'dormice-cli-'))
  mkdirSync(join(root, 'My Notes'))
  writeFileSync(join(root, 'My Notes', 'index.html'), '<p>hello</p>')
  writeFileSync(join(root, 'api.py'), 'print(1)')
  writeFileSync(join(root, 'site.tar.gz'), 'as it is')
})
after(() => rmSync(root, { recursive: true }))

const release = {
  app: 'my-notes',
  number: 3,
  current: true,
  runtime: 'static',
  createdAt: '2026-01-01T00:00:00.000Z',
}
const url = 'http://my-notes.localhost:8080'
const steps = [
  { step: 'received', detail: '1 files, 200 bytes' },
  { step: 'detected', detail: 'static' },
  { step: 'building', detail: 'npm ci' },
]

test('a folder: what happens on stderr, the address alone on stdout', async () => {
  let body = Buffer.alloc(0)
  let type: string | undefined
  await using host = await fakeHost({
    'POST /v1/apps/my-notes/releases': async (request, response) => {
      type = request.headers['content-type']
      body = await buffer(request)
      await answerLines(
        ...steps,
        { log: 'added 3 packages' },
        { step: 'switching', detail: 'release 3' },
        { release, url },
      )(request, response)
    },
  })
  const { code, stdout, stderr } = await run(['deploy', 'My Notes'], { host, cwd: root })
  assert.equal(code, 0)
  assert.equal(stdout, `${url}\n`)
  assert.deepEqual(withoutTimes(stderr), [
    'My Notes → my-notes, a new app',
    `✓ upload        (1 file, 12 B; ${body.length} B sent)`,
    '✓ runtime       static',
    '… build         npm ci',
    '  added 3 packages',
    '✓ build         (npm ci)',
    '✓ start         (release 3)',
  ])
  assert.equal(type, 'application/gzip')
  assert.match(gunzipSync(body).toString(), /index\.html[\s\S]*<p>hello<\/p>/)
})

test('the folder one is in is the default', async () => {
  await using host = await fakeHost({ 'POST /v1/apps/my-notes/releases': answerLines({ release, url }) })
  const { code } = await run(['deploy'], { host, cwd: join(root, 'My Notes') })
  assert.equal(code, 0)
})

test('through `npm run dormice` paths are the user’s, not the package’s', async () => {
  await using host = await fakeHost({ 'POST /v1/apps/my-notes/releases': answerLines({ release, url }) })
  const npm_package_json = join(import.meta.dirname, '..', '..', 'package.json')
  const { code } = await run(['deploy'], {
    host,
    env: { npm_package_json, INIT_CWD: join(root, 'My Notes') },
  })
  assert.equal(code, 0)
})

test('one file goes as it is, its name beside it', async () => {
  await using host = await fakeHost({ 'POST /v1/apps/api/releases': answerLines({ release, url }) })
  const { code, stderr } = await run(['deploy', 'api.py'], { host, cwd: root })
  assert.equal(code, 0)
  assert.match(stderr, /^api\.py → api, a new app$/m)
  assert.equal(host.asked.at(-1), 'POST /v1/apps/api/releases?filename=api.py')
})

test('an archive goes as it is; --name and --fresh are handed on; --json is the release', async () => {
  let body = ''
  await using host = await fakeHost({
    'GET /v1/apps/other': answer(app('other', { release: 2 })),
    'POST /v1/apps/other/releases': async (request, response) => {
      body = (await buffer(request)).toString()
      await answerLines({ release, url })(request, response)
    },
  })
  const args = ['deploy', 'site.tar.gz', '--name', 'other', '--fresh', '--json']
  const { code, stdout, stderr } = await run(args, { host, cwd: root })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), { release, url })
  assert.match(stderr, /other, which has release 2/)
  assert.equal(body, 'as it is')
  assert.ok(host.asked.includes('POST /v1/apps/other/releases?fresh=true&filename=site.tar.gz'))
})

test('an image is a reference', async () => {
  await using host = await fakeHost({ 'POST /v1/apps/nginx/releases': answerLines({ release, url }) })
  const { code } = await run(['deploy', '--image', 'registry.example:5000/web/nginx:1.27'], { host })
  assert.equal(code, 0)
  assert.deepEqual(
    host.bodies.map(body => JSON.parse(body)),
    [{ image: 'registry.example:5000/web/nginx:1.27' }],
  )
})

test('a build that fails: its log once, then the sentence', async () => {
  const error = {
    type: 'x',
    title: 'x',
    status: 422,
    code: 'build_failed',
    detail: 'the build failed',
    log: 'one\ntwo',
  }
  await using host = await fakeHost({
    'POST /v1/apps/my-notes/releases': answerLines(...steps, { log: 'one' }, { log: 'two' }, { error }),
  })
  const { code, stdout, stderr } = await run(['deploy', 'My Notes'], { host, cwd: root })
  assert.equal(code, 1)
  assert.equal(stdout, '')
  const said = withoutTimes(stderr).slice(3)
  assert.deepEqual(said, [
    '… build         npm ci',
    '  one',
    '  two',
    '✗ build         (npm ci)',
    'error: the build failed',
  ])
  const json = await run(['deploy', 'My Notes', '--json'], { host, cwd: root })
  const { type: _, title: __, ...document } = error
  assert.deepEqual([json.code, JSON.parse(json.stdout)], [1, { error: document }])
})

test('a start that fails: the app’s log, which nobody saw yet', async () => {
  const error = { status: 422, code: 'not_ready', detail: 'it did not start', log: 'Error: no such table' }
  await using host = await fakeHost({
    'POST /v1/apps/my-notes/releases': answerLines(
      ...steps,
      { log: 'built' },
      { step: 'switching', detail: 'release 3' },
      { error },
    ),
  })
  const { stderr } = await run(['deploy', 'My Notes'], { host, cwd: root })
  const said = withoutTimes(stderr).slice(-3)
  assert.deepEqual(said, ['✗ start         (release 3)', '  Error: no such table', 'error: it did not start'])
})

/** An app's snapshots before and after a deploy. */
function snapshotsInTurn(...lists: { number: number; current: boolean; release: number }[][]): Handler {
  return (request, response) => answer({ snapshots: lists.shift() ?? [] })(request, response)
}

test('a deploy says that what the app wrote is kept, and how to undo it', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/my-notes': answer(app('my-notes', { release: 2, snapshot: 4 })),
    'GET /v1/apps/my-notes/snapshots': snapshotsInTurn(
      [{ number: 4, current: true, release: 2 }],
      [
        { number: 4, current: false, release: 2 },
        { number: 5, current: false, release: 2 },
        { number: 6, current: true, release: 3 },
      ],
    ),
    'POST /v1/apps/my-notes/releases': answerLines({ release, url }),
  })
  const { code, stdout, stderr } = await run(['deploy', 'My Notes'], { host, cwd: root })
  assert.deepEqual([code, stdout], [0, `${url}\n`])
  assert.match(
    stderr,
    /\nWhat my-notes has written is kept\. Undo the deploy: dormice rollback my-notes s5\n$/,
  )
})

test('a deploy with --fresh says in which snapshot the old state is', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/my-notes': answer(app('my-notes', { release: 2, snapshot: 4 })),
    'GET /v1/apps/my-notes/snapshots': snapshotsInTurn(
      [{ number: 4, current: true, release: 2 }],
      [{ number: 4, current: false, release: 2 }],
    ),
    'POST /v1/apps/my-notes/releases': answerLines({ release, url }),
  })
  const { stderr } = await run(['deploy', 'My Notes', '--fresh'], { host, cwd: root })
  assert.match(
    stderr,
    /\nWhat my-notes had written is in snapshot s4\. Back to it and to release 2: dormice rollback my-notes s4\n$/,
  )
})

test('what the build prints cannot move the cursor', async () => {
  await using host = await fakeHost({
    'POST /v1/apps/my-notes/releases': answerLines(
      ...steps,
      { log: '\u001b[31mred\u001b[0m\u001b[2K\u001b]0;title\u0007\r!' },
      { release, url },
    ),
  })
  const { stderr } = await run(['deploy', 'My Notes'], { host, cwd: root })
  assert.ok(stderr.includes('  \u001b[31mred\u001b[0m!\n'))
})

test('a host that is not there, or refuses the token, is found out before anything is packed', async () => {
  await using host = await fakeHost({})
  const { code, stderr } = await run(['deploy', 'My Notes'], {
    host,
    cwd: root,
    env: { DORMICE_TOKEN: 'other' },
  })
  assert.equal(code, 1)
  assert.match(stderr, /^error: .*does not accept the token/)
  assert.deepEqual(host.asked, ['GET /v1/apps/my-notes'])
})

test('an upload that is refused while it is sent is not sent to its end', async () => {
  const size = 300 * 1024 * 1024
  const folder = mkdtempSync(join(tmpdir(), 'dormice-cli-'))
  writeFileSync(join(folder, 'big.zip'), '')
  truncateSync(join(folder, 'big.zip'), size)
  const received = Promise.withResolvers<number>()
  await using host = await fakeHost({
    'POST /v1/apps/big/releases': ({ socket }, response) => {
      socket.on('close', () => received.resolve(socket.bytesRead))
      answerProblem(response, { status: 413, code: 'upload_too_large', detail: 'The upload is too large.' })
    },
  })
  const { code, stderr } = await run(['deploy', 'big.zip'], { host, cwd: folder })
  rmSync(folder, { recursive: true })
  assert.equal(code, 1)
  assert.match(stderr, /^error: The upload is too large\.$/m)
  assert.ok((await received.promise) < size)
})

test('a host that answers with events while the upload still goes on gets all of it', async () => {
  let received = 0
  await using host = await fakeHost({
    'POST /v1/apps/api/releases': async (request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders()
      received = (await buffer(request)).length
      response.write(`${JSON.stringify(steps[0])}\n`)
      response.end(`${JSON.stringify({ release, url })}\n`)
    },
  })
  const { code } = await run(['deploy', 'api.py'], { host, cwd: root })
  assert.equal(code, 0)
  assert.equal(received, 'print(1)'.length)
})

test('a folder that cannot be packed: the reason, whether the host answers early or not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-cli-'))
  const early: Handler = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders()
    request.on('error', () => {}).resume()
  }
  const late: Handler = request => void request.on('error', () => {}).resume()
  for (const handler of [early, late]) {
    await using host = await fakeHost({ 'POST /v1/apps/empty/releases': handler })
    const { code, stderr } = await run(['deploy', '--name', 'empty'], { host, cwd: folder })
    assert.equal(code, 1)
    assert.match(stderr, /^error: There is nothing to deploy: /m)
  }
  rmSync(folder, { recursive: true })
})

test('a host that ends without a result', async () => {
  await using host = await fakeHost({ 'POST /v1/apps/my-notes/releases': answerLines(...steps) })
  const { code, stderr } = await run(['deploy', 'My Notes'], { host, cwd: root })
  assert.equal(code, 1)
  assert.match(stderr, /^✗ build[\s\S]+^error: the host ended its answer before the deploy was done/m)
})

/** Answers with these events and goes on as if the deploy did; `left` resolves when the caller is gone. */
function unending(...events: unknown[]): { handler: Handler; left: Promise<void> } {
  const { promise: left, resolve } = Promise.withResolvers<void>()
  const handler: Handler = (request, response) => {
    request.resume()
    response.on('close', () => resolve())
    response.setHeader('content-type', 'application/x-ndjson')
    response.write(events.map(event => `${JSON.stringify(event)}\n`).join(''))
  }
  return { handler, left }
}

/** Deploys, and stops it when the build's first line is there. */
async function interrupted(
  post: Handler,
  { signal = 'SIGINT', release }: { signal?: NodeJS.Signals; release?: number } = {},
): Promise<Ended> {
  await using host = await fakeHost({
    ...(release && { 'GET /v1/apps/my-notes': answer(app('my-notes', { release })) }),
    'POST /v1/apps/my-notes/releases': post,
  })
  const running = start(['deploy', 'My Notes'], { host, cwd: root })
  running.stderr.on('data', text => String(text).includes('  one') && running.kill(signal))
  return await running.ended
}

test('Ctrl-C gives the deploy up: the host is left, exit code 130', async () => {
  const { handler, left } = unending(...steps, { log: 'one' })
  const { code, stderr } = await interrupted(handler, { release: 2 })
  assert.equal(code, 130)
  await left
  assert.match(stderr, /^✗ build[\s\S]+^interrupted; my-notes is as it was before$/m)
})

test('Ctrl-C in a first deploy says that no app was made', async () => {
  const { code, stderr } = await interrupted(unending(...steps, { log: 'one' }).handler)
  assert.equal(code, 130)
  assert.match(stderr, /^✗ build[\s\S]+^interrupted; no app was made$/m)
})

test('Ctrl-C while the app switches does not promise that nothing changed', async () => {
  const switching = () => unending({ step: 'switching', detail: 'release 3' }, { log: 'one' }).handler
  const { code, stderr } = await interrupted(switching(), { signal: 'SIGTERM', release: 2 })
  assert.equal(code, 143)
  assert.match(stderr, /interrupted while my-notes was switching to the new release; `ls` shows/)
  const first = await interrupted(switching())
  assert.match(first.stderr, /interrupted while my-notes was starting; `ls` shows whether it is there/)
})

test('what is left out unasked is said', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-cli-'))
  writeFileSync(join(folder, 'index.html'), 'x')
  symlinkSync('/etc/hostname', join(folder, 'outside'))
  await using host = await fakeHost({ 'POST /v1/apps/links/releases': answerLines({ release, url }) })
  const { stderr } = await run(['deploy', '--name', 'links'], { host, cwd: folder })
  rmSync(folder, { recursive: true })
  assert.match(stderr, /outside/)
})

/** The lines, with the time that each step took taken away. */
function withoutTimes(stderr: string): string[] {
  return stderr
    .trimEnd()
    .split('\n')
    .map(line => line.replace(/(?<= {2})[\d.]+ m?s /, ''))
}
