import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { selfSigned } from '../src/edge/tls/self-signed.ts'
import { packageRoot } from '../src/paths.ts'
import { TestHost } from './support/host.ts'

/** Runs `serve` until it ends by itself. */
function serve(env: Record<string, string>) {
  const args = [join(packageRoot, 'src/cli/main.ts'), 'serve']
  const { status, stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, ...env },
    timeout: 60_000,
  })
  return {
    status,
    errors: String(stderr)
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('{')),
  }
}

test('a second host on the same data folder is refused, and the first goes on', async () => {
  await using host = await TestHost.start()
  await host.deployText('steady', 'main.js', "export default { fetch: () => new Response('here') }")
  const second = serve({ DORMICE_DATA: host.data, DORMICE_LISTEN: '127.0.0.1:0' })
  assert.equal(second.status, 1)
  assert.equal(second.errors.length, 1)
  assert.match(
    second.errors[0]!,
    /a host already runs on the data folder .*, at http:\/\/dormice\.localhost:\d+;/,
  )
  assert.equal(await host.state('steady'), 'awake')
  assert.equal((await host.visit('steady')).body, 'here')
})

test('an address that is taken ends the start with one line that names it', async () => {
  await using host = await TestHost.start()
  await host.kill('SIGTERM')
  const taken = createServer().listen(0, '127.0.0.1')
  try {
    await new Promise(resolve => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    const { chain, key } = selfSigned({ names: ['dormice.localhost'] })
    writeFileSync(join(host.data, 'all.crt'), chain)
    writeFileSync(join(host.data, 'all.key'), key)
    const tls = { DORMICE_TLS: 'files', DORMICE_TLS_FILES: host.data, DORMICE_LISTEN: '127.0.0.1:0' }
    for (const [variable, more] of [
      ['DORMICE_LISTEN', {}],
      ['DORMICE_TLS_LISTEN', tls],
    ] as const) {
      const { status, errors } = serve({ DORMICE_DATA: host.data, ...more, [variable]: `127.0.0.1:${port}` })
      assert.equal(status, 1)
      assert.equal(errors.length, 1)
      assert.match(errors[0]!, new RegExp(`${variable}="127.0.0.1:${port}" cannot be used`))
    }
  } finally {
    taken.close()
  }
})

test('a host whose log nobody reads any more goes on, and ends in order', async () => {
  await using host = await TestHost.start()
  const said = host.log.length
  host.stopReading()
  // Each is a line of log.
  for (const [app, path, status] of [
    ['no body', '/', 400],
    ['nobody', `/${'x'.repeat(10_000)}`, 414],
  ] as const) {
    assert.equal((await host.visit(app, path)).status, status)
  }
  assert.equal((await host.visit('dormice', '/healthz')).status, 200)
  assert.equal(host.log.length, said)
  assert.equal(await host.kill('SIGTERM'), 0)
})

test('a wrong setting ends the start with one line, and nothing is made', async () => {
  const data = join(packageRoot, 'data-that-is-never-made')
  const { status, errors } = serve({ DORMICE_DATA: data, DORMICE_MEMORY: '7 apples' })
  assert.equal(status, 1)
  assert.deepEqual(errors, [
    'error: DORMICE_MEMORY="7 apples" is not valid; accepted: a size of at least 32m, e.g. "700m", "2g"',
  ])
  assert.equal(existsSync(data), false)
})

test('a setting whose name is misspelt is remarked on by the start', () => {
  const { errors } = serve({ DORMICE_FREZE_AFTER: '1m', DORMICE_MEMORY: 'no start is needed for that' })
  assert.equal(
    errors[0],
    'warning: DORMICE_FREZE_AFTER is no setting of the host; did you mean DORMICE_FREEZE_AFTER?',
  )
})
