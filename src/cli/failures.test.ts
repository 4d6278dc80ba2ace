import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { answer, answerProblem, fakeHost, run, unusedPort } from './fake-host.ts'
import { unreachable } from './unreachable.ts'

/** A failure that a user sees: one line on stderr, nothing on stdout, exit code 1. */
function assertFailed(ended: { code: number | null; stdout: string; stderr: string }, said: RegExp): void {
  assert.equal(ended.stdout, '')
  assert.match(ended.stderr, said)
  assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr)
  assert.equal(ended.code, 1)
}

test('a host that is not there: what to start', async () => {
  const url = `http://dormice.localhost:${await unusedPort()}`
  assertFailed(
    await run(['ls'], { host: { url } }),
    /^error: nothing answers at .*; start the host with `npm run up`/,
  )
})

test('names under localhost are this machine, the name kept for routing', async () => {
  let host = ''
  await using server = await fakeHost({
    'GET /v1/apps': (request, response) => {
      host = request.headers.host ?? ''
      answer({ apps: [] })(request, response)
    },
  })
  const { code } = await run(['ls'], {
    env: { DORMICE_URL: `http://no-resolver-knows.localhost:${server.port}` },
  })
  assert.equal(code, 0)
  assert.equal(host, `no-resolver-knows.localhost:${server.port}`)
})

test('an address under a path is kept', async () => {
  await using host = await fakeHost({ 'GET /dormice/v1/apps': answer({ apps: [] }) })
  const { code } = await run(['ls'], { host: { url: `${host.url}/dormice/` } })
  assert.equal(code, 0)
})

test('an address that is none is wrong usage', async () => {
  const { code, stderr } = await run(['ls'], { env: { DORMICE_URL: 'localhost:8080' } })
  assert.equal(code, 2)
  assert.match(stderr, /DORMICE_URL="localhost:8080" is not valid; accepted: /)
})

test('a token that the host does not take', async () => {
  await using host = await fakeHost({})
  const ended = await run(['ls'], { host, env: { DORMICE_TOKEN: 'other' } })
  assertFailed(ended, /does not accept the token of DORMICE_TOKEN/)
})

test('the token of the data folder is used where none is given', async t => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'admin-token'), 't0ken\n')
  await using host = await fakeHost({ 'GET /v1/apps': answer({ apps: [] }) })
  const { code } = await run(['ls'], { host, env: { DORMICE_TOKEN: undefined, DORMICE_DATA: folder } })
  assert.equal(code, 0)
})

test('no token to be found: where it was looked for', async t => {
  const folder = temporary(t)
  await using host = await fakeHost({})
  const ended = await run(['ls'], { host, env: { DORMICE_TOKEN: undefined, DORMICE_DATA: folder } })
  assertFailed(ended, new RegExp(`there is none in ${folder}/admin-token; set DORMICE_TOKEN`))
})

test('a problem is its one sentence, control characters left out', async () => {
  const detail = 'it has \u001b[2J a cause\nand a remedy'
  await using host = await fakeHost({
    'POST /v1/apps/notes/wake': (_, response) => answerProblem(response, { code: 'x', status: 503, detail }),
  })
  assertFailed(await run(['wake', 'notes'], { host }), /^error: it has {2}a cause and a remedy\n$/)
})

test('a problem with a log shows its lines before the sentence', async () => {
  await using host = await fakeHost({
    'POST /v1/apps/notes/wake': (_, response) =>
      answerProblem(response, {
        code: 'app_crashed',
        status: 502,
        detail: 'notes crashed',
        log: 'one\ntwo\n',
      }),
  })
  const { code, stderr } = await run(['wake', 'notes'], { host })
  assert.equal(code, 1)
  assert.equal(stderr, '  one\n  two\nerror: notes crashed\n')
})

test('with --json a failure is a JSON object on stdout', async () => {
  await using host = await fakeHost({})
  const { code, stdout, stderr } = await run(['wake', 'nope', '--json'], { host })
  assert.equal(code, 1)
  assert.equal(stderr, '')
  assert.deepEqual(JSON.parse(stdout), {
    error: { code: 'unknown_app', status: 404, detail: 'there is no app nope' },
  })
})

test('something else at the address is said to be something else', async () => {
  await using host = await fakeHost({
    'GET /v1/apps': (_, response) =>
      response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>hm</h1>'),
    'GET /v1/apps/notes': (_, response) => response.end('<h1>hm</h1>'),
    'GET /v1/apps/site': (_, response) =>
      response.writeHead(308, { location: 'https://elsewhere.example/' }).end(),
  })
  assertFailed(await run(['ls'], { host }), /answers, but not as a Dormice host does \(status 404\)/)
  assertFailed(await run(['open', 'notes'], { host }), /answers, but not as a Dormice host does/)
  assertFailed(
    await run(['open', 'site'], { host }),
    /sends us on to https:\/\/elsewhere\.example; set DORMICE_URL to that/,
  )
})

test('a host that is at another address is said to be there, whatever its edge tells visitors', async () => {
  const visitors = { 'content-type': 'application/problem+json' }
  await using host = await fakeHost({
    'GET /v1/apps': (_, response) =>
      response
        .writeHead(308, { ...visitors, location: 'https://dormice.example.com/v1/apps' })
        .end('{"status":308,"detail":"This is at https://dormice.example.com/v1/apps now."}'),
    'GET /v1/apps/notes': (_, response) =>
      response
        .writeHead(404, { ...visitors, 'x-dormice-error': 'unknown_host' })
        .end('{"status":404,"code":"unknown_host","detail":"There is no app at dormice.localhost."}'),
  })
  assertFailed(await run(['ls'], { host }), /sends us on to https:\/\/dormice\.example\.com; set DORMICE_URL/)
  assertFailed(
    await run(['open', 'notes'], { host }),
    /has another name; set DORMICE_URL to http:\/\/dormice\.<its DORMICE_DOMAIN>/,
  )
})

test('a certificate that is not trusted is told what to do about it', () => {
  const target = { url: new URL('https://dormice.example.com'), token: undefined, tokenFrom: '' }
  const of = (code: string) =>
    unreachable(target, Object.assign(new Error('in OpenSSL’s words'), { code })).message
  assert.match(of('DEPTH_ZERO_SELF_SIGNED_CERT'), /is from no CA that is known here; .*NODE_EXTRA_CA_CERTS$/)
  assert.match(of('ERR_TLS_CERT_ALTNAME_INVALID'), /is for other names than dormice\.example\.com; check/)
  assert.match(of('CERT_HAS_EXPIRED'), /has expired; look at the host’s log$/)
})

test('a connection that is cut off before or in an answer', async () => {
  await using host = await fakeHost({
    'GET /v1/apps': request => request.socket.destroy(),
    'GET /v1/apps/notes': (_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"name":', () => response.destroy())
    },
  })
  assertFailed(await run(['ls'], { host }), /closed the connection before it answered/)
  assertFailed(await run(['open', 'notes'], { host }), /ended its answer too early/)
})

test('a server that does not speak HTTP', async () => {
  const server = createServer(socket => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  assertFailed(await run(['ls'], { host: { url: `http://localhost:${port}` } }), /answers, but not in HTTP/)
  server.close()
})

test('the stack is for DORMICE_DEBUG', async () => {
  const url = `http://dormice.localhost:${await unusedPort()}`
  const { code, stderr } = await run(['ls'], { host: { url }, env: { DORMICE_DEBUG: '1' } })
  assert.equal(code, 1)
  assert.match(stderr, /^error: nothing answers[\s\S]+\n +at .*unreachable/)
})

test('doctor works with the host down, marks what fails and exits with 1', async t => {
  const folder = temporary(t)
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'admin-token'), 'x', { mode: 0o644 })
  const url = `http://dormice.localhost:${await unusedPort()}`
  const env = { DORMICE_DATA: folder, DOCKER_HOST: `unix://${folder}/none.sock` }
  const { code, stdout } = await run(['doctor', '--json'], { host: { url }, env })
  assert.equal(code, 1)
  const { ok, checks } = JSON.parse(stdout)
  assert.equal(ok, false)
  const results = Object.fromEntries(
    checks.map((check: { name: string; result: string }) => [check.name, check.result]),
  )
  assert.deepEqual(
    { ...results, disk: undefined, memory: undefined },
    {
      node: 'ok',
      engine: 'failed',
      host: 'failed',
      token: 'skipped',
      https: 'skipped',
      data: 'failed',
      disk: undefined,
      memory: undefined,
    },
  )
  const text = (await run(['doctor'], { host: { url }, env })).stdout
  assert.match(text, /^✓ node {6}\d/m)
  assert.match(text, /^✗ engine {4}none answers .*ENOENT/m)
  assert.match(text, /^– token {5}the host does not answer$/m)
  assert.match(text, /^✗ data {6}other users can read it: chmod go= \S+\/admin-token$/m)
})

test('a host that sends on to HTTPS has another address, and its token is not what doctor blames', async () => {
  await using host = await fakeHost({
    'GET /healthz': answer({ status: 'ok', version: '9.9.9' }),
    'GET /v1/apps': (_, response) =>
      response.writeHead(308, { location: 'https://dormice.example.com/v1/apps' }).end(),
  })
  const { stdout } = await run(['doctor'], { host })
  assert.match(stdout, /^✗ host {6}.* sends us on to https:\/\/dormice\.example\.com; set DORMICE_URL/m)
  assert.match(stdout, /^– token {5}/m)
})

test('https:// at a port that speaks plain HTTP', async () => {
  await using host = await fakeHost({})
  const url = host.url.replace('http:', 'https:')
  assertFailed(
    await run(['ls'], { host: { url } }),
    new RegExp(`speaks plain HTTP; set DORMICE_URL to ${host.url}$`, 'm'),
  )
})

test('a host without a certificate for the name', async t => {
  const server = createTlsServer({ SNICallback: (_, done) => done(null) })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  assertFailed(
    await run(['ls'], { host: { url: `https://dormice.localhost:${port}` } }),
    /has no certificate for dormice\.localhost; set DORMICE_URL to its address over plain HTTP/,
  )
})

test('doctor asks the host and tries the token', async t => {
  const folder = temporary(t)
  await using host = await fakeHost({
    'GET /healthz': answer({ status: 'ok', version: '9.9.9' }),
    'GET /v1/apps': answer({ apps: [] }),
    'GET /v1/tls': answer({ mode: 'off', certificates: [], failures: [], unnamed: [] }),
  })
  const look = async (token: string) =>
    (await run(['doctor'], { host, env: { DORMICE_DATA: folder, DORMICE_TOKEN: token } })).stdout
  const good = await look('t0ken')
  assert.match(good, /^✓ host {6}Dormice 9.9.9 at /m)
  assert.match(good, /^✓ token {5}accepted, from DORMICE_TOKEN$/m)
  assert.match(good, new RegExp(`^✓ data {6}${folder}$`, 'm'))
  assert.match(await look('other'), /^✗ token {5}.*does not accept the token/m)
})

function temporary(t: { after(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-cli-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}
