import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, beforeEach, test } from 'node:test'
import { answer, answerProblem, app, type FakeHost, fakeHost, type Handler, run, start } from './fake-host.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'dormice-cli-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const tar = randomBytes(300_000)

const exported: Handler = (_, response) => {
  response.setHeader('content-type', 'application/x-tar')
  response.end(tar)
}

/** Begins to answer and breaks off. */
const brokenOff: Handler = (_, response) => {
  response.setHeader('content-type', 'application/x-tar')
  response.write('begun', () => response.destroy())
}

/** As fast as it is read. */
const endless: Handler = (_, response) => {
  response.setHeader('content-type', 'application/x-tar')
  const more = () => {
    while (!response.destroyed && response.write(tar));
  }
  response.on('drain', more)
  more()
}

test('export goes to standard output, byte for byte, what is said to stderr', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': exported })
  const { code, stderr } = await exportTo(join(cwd, 'out'), host)
  assert.equal(code, 0)
  assert.match(stderr, /^✓ export {8}.* \(300 kB\)\n$/)
  assert.ok(readFileSync(join(cwd, 'out')).equals(tar))
})

test('export -o makes a file that only its owner reads, and says what to type next', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': exported })
  writeFileSync(join(cwd, 'notes.tar'), 'an older one')
  const { code, stdout, stderr } = await run(['export', 'notes', '-o', 'notes.tar'], { host, cwd })
  assert.deepEqual([code, stdout], [0, ''])
  assert.match(stderr, /^✓ export {8}.* \(300 kB\)\nnotes.tar has all of notes, 300 kB\n/)
  assert.match(stderr, /Make an app of it: dormice import notes.tar --name notes-2\n$/)
  assert.ok(readFileSync(join(cwd, 'notes.tar')).equals(tar))
  assert.equal(statSync(join(cwd, 'notes.tar')).mode & 0o777, 0o600)
})

test('an export follows no link that somebody else has put beside its file', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': exported })
  const mine = join(cwd, 'mine')
  writeFileSync(mine, 'mine')
  mkdirSync(join(cwd, 'shared'))
  symlinkSync(mine, join(cwd, 'shared/notes.tar.part'))
  const { code } = await run(['export', 'notes', '-o', 'shared/notes.tar'], { host, cwd })
  assert.equal(code, 0)
  assert.ok(readFileSync(mine).equals(Buffer.from('mine')))
  assert.equal(statSync(join(cwd, 'shared/notes.tar')).mode & 0o777, 0o600)
  assert.ok(lstatSync(join(cwd, 'shared/notes.tar')).isFile())
})

test('two exports to one file at once leave one whole export', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': exported })
  const both = await Promise.all([1, 2].map(() => run(['export', 'notes', '-o', 'notes.tar'], { host, cwd })))
  assert.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
  )
  assert.ok(readFileSync(join(cwd, 'notes.tar')).equals(tar))
  assert.deepEqual(readdirSync(cwd), ['notes.tar'])
})

test('export names the variables whose values it leaves out', async () => {
  await using host = await fakeHost({
    'GET /v1/apps/notes/export': exported,
    'GET /v1/apps/notes/env': answer({ env: [{ key: 'API_KEY' }, { key: 'MODE' }] }),
  })
  const { stderr } = await run(['export', 'notes', '-o', 'notes.tar'], { host, cwd })
  assert.match(stderr, /Without the values .*: dormice env set <app> API_KEY=… MODE=…\n/)
})

test('an export that is cut off has failed, and leaves the file that was', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': brokenOff })
  writeFileSync(join(cwd, 'notes.tar'), 'an older one')
  const toFile = await run(['export', 'notes', '-o', 'notes.tar'], { host, cwd })
  assert.equal(toFile.code, 1)
  assert.match(toFile.stderr, /^✗ export[\s\S]+error: the host at .* ended its answer too early/)
  assert.equal(readFileSync(join(cwd, 'notes.tar'), 'utf8'), 'an older one')
  assert.deepEqual(readdirSync(cwd), ['notes.tar'])
  assert.equal((await run(['export', 'notes'], { host })).code, 1)
})

test('an export that is refused makes no file', async () => {
  await using host = await fakeHost({})
  const { code, stderr } = await run(['export', 'nope', '-o', 'nope.tar'], { host, cwd })
  assert.equal(code, 1)
  assert.match(stderr, /error: there is no app nope\n$/)
  assert.deepEqual(readdirSync(cwd), [])
})

test('an export that cannot be written says so before the host is asked, in the words of the caller', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': endless })
  const said = async (path: string) => {
    const { code, stderr } = await run(['export', 'notes', '-o', path], { host, cwd })
    assert.equal(code, 1)
    assert.doesNotMatch(stderr, /\.part/)
    return stderr
  }
  writeFileSync(join(cwd, 'file'), '')
  assert.match(
    await said('no/such.tar'),
    /error: "no\/such.tar" cannot be written: there is no folder ".*\/no"/,
  )
  assert.match(await said('file/x.tar'), /error: "file\/x.tar" cannot be written: ".*\/file" is not a folder/)
  assert.match(await said('.'), /error: "\." cannot be written: it is a folder/)
  assert.deepEqual(host.asked, [])
})

test('an export whose reader leaves has failed without a word', async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': endless })
  const running = start(['export', 'notes'], { host })
  await once(running.stdout, 'data')
  running.stdout.destroy()
  assert.equal((await running.exit).code, 1)
})

test('Ctrl-C ends an export and leaves no part of it', async () => {
  const begun = Promise.withResolvers<void>()
  await using host = await fakeHost({
    'GET /v1/apps/notes/export': (_, response) => {
      response.setHeader('content-type', 'application/x-tar')
      response.write('begun', () => begun.resolve())
    },
  })
  const running = start(['export', 'notes', '-o', 'notes.tar'], { host, cwd })
  await begun.promise
  running.kill('SIGINT')
  const { code } = await running.ended
  assert.equal(code, 130)
  assert.deepEqual(readdirSync(cwd), [])
})

test('import sends the file and is named like it', async () => {
  const bodies: Buffer[] = []
  const handler: Handler = async (request, response) => {
    assert.equal(request.headers['content-type'], 'application/x-tar')
    bodies.push(await buffer(request))
    answer(app('notes'))(request, response)
  }
  await using host = await fakeHost({
    'POST /v1/apps/notes/import': handler,
    'POST /v1/apps/other/import': handler,
  })
  writeFileSync(join(cwd, 'Notes.tar'), tar)
  const { code, stdout, stderr } = await run(['import', 'Notes.tar'], { host, cwd })
  assert.deepEqual([code, stdout], [0, 'http://notes.localhost:8080\n'])
  assert.match(
    stderr,
    /^✓ import {8}.* \(300 kB\)\nnotes sleeps until its first request; dormice timeline notes/,
  )
  const json = await run(['import', 'Notes.tar', '--name', 'other', '--json'], { host, cwd })
  assert.equal(JSON.parse(json.stdout).name, 'notes')
  await run(['import', '-', '--name', 'other'], { host, input: 'from stdin' })
  assert.ok(bodies[0]?.equals(tar) && bodies[1]?.equals(tar))
  assert.equal(bodies[2]?.toString(), 'from stdin')
})

test('import under a name that is taken says how to name it else, and does not wait to send the rest', async () => {
  let waited = false
  await using host = await fakeHost({
    'POST /v1/apps/notes/import': ({ socket }, response) => {
      socket.on('timeout', () => {
        waited = true
      })
      answerProblem(response, { status: 409, code: 'app_exists', detail: 'there is an app notes already' })
    },
  })
  writeFileSync(join(cwd, 'notes.tar'), '')
  truncateSync(join(cwd, 'notes.tar'), 50_000_000)
  const { code, stderr } = await run(['import', 'notes.tar'], { host, cwd })
  assert.equal(code, 1)
  assert.match(
    stderr,
    /error: there is an app notes already\nTo make another app of it: dormice import notes.tar --name notes-2\n$/,
  )
  assert.equal(waited, false)
})

test('Ctrl-C ends an import, and says that there is no app', async () => {
  const left = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  await using host = await fakeHost({
    'POST /v1/apps/notes/import': (request, response) => {
      request.on('error', () => {}).resume()
      response.on('close', () => left.resolve())
      begun.resolve()
    },
  })
  writeFileSync(join(cwd, 'notes.tar'), tar)
  const running = start(['import', 'notes.tar'], { host, cwd })
  await begun.promise
  running.kill('SIGINT')
  const { code, stderr } = await running.ended
  assert.equal(code, 130)
  assert.match(stderr, /^interrupted; nothing is imported$/m)
  await left.promise
})

test('a full disk under the redirect of an export is one sentence', {
  skip: !existsSync('/dev/full'),
}, async () => {
  await using host = await fakeHost({ 'GET /v1/apps/notes/export': exported })
  const { code, stderr } = await exportTo('/dev/full', host)
  assert.equal(code, 1)
  assert.match(stderr, /^error: .*ENOSPC[^\n]*\n$/m)
})

/** `dormice export notes > path`. */
async function exportTo(path: string, host: FakeHost): Promise<{ code: number; stderr: string }> {
  const out = openSync(path, 'w')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'export', 'notes'], {
    env: { ...process.env, DORMICE_TOKEN: 't0ken', DORMICE_URL: host.url },
    stdio: ['ignore', out, 'pipe'],
  })
  closeSync(out)
  const [stderr, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'close')])
  return { code, stderr }
}
