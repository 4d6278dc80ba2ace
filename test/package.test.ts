import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { packageRoot } from '../src/paths.ts'
import { removeAllOf } from './support/cleanup.ts'
import { call, visit } from './support/published.ts'

const run = promisify(execFile)

type Packed = { filename: string; size: number; unpackedSize: number; files: { path: string }[] }

describe('the npm package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-package-'))
  const installed = join(folder, 'installed')
  const dormice = join(installed, 'node_modules/.bin/dormice')
  /** As npx starts it: the Node that the package brings along before the machine's, which may be an old one. */
  const env = {
    ...process.env,
    PATH: [join(installed, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
    HOME: folder,
  }
  let packed: Packed

  before(async () => {
    packed = await packCopy(join(folder, 'source'))
    mkdirSync(installed)
    // Else npm installs into the nearest folder above that has a package.json or node_modules, whoever's it is.
    writeFileSync(join(installed, 'package.json'), '{}')
    const flags = ['--ignore-scripts', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund']
    await run('npm', ['install', join(folder, 'source', packed.filename), ...flags], { cwd: installed })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('it holds compiled code and what that reads, and neither sources nor tests', () => {
    const paths = packed.files.map(({ path }) => path)
    const needed = [
      'dist/src/cli/main.js',
      'dist/runtimes/node/detect.js',
      'runtimes/base/Dockerfile',
      'runtimes/node/entry.mjs',
      'src/dashboard/index.html',
      'src/store/migrations/meta/_journal.json',
      'examples/hello/index.ts',
      'schema/dormice.schema.json',
    ]
    assert.deepEqual(
      needed.filter(path => !paths.includes(path)),
      [],
    )
    assert.deepEqual(
      paths.filter(path => /\.ts$|[./]test\.|fixture|fake|bootstrap/.test(path)),
      ['examples/hello/index.ts'],
    )
    assert.ok(packed.unpackedSize < 1_500_000, `${packed.unpackedSize} bytes`)
  })

  test('dormice --version and --help work where it is installed', async () => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
    assert.equal((await run(dormice, ['--version'], { env })).stdout.trim(), version)
    assert.match((await run(dormice, ['--help'], { env })).stdout, /^Usage: dormice <command>/)
  })

  test('dormice serve is healthy, has a dashboard, deploys an app, answers for it and ends on SIGTERM', async () => {
    const data = join(folder, 'data')
    const host = spawn(dormice, ['serve'], {
      env: { ...env, DORMICE_DATA: data, DORMICE_LISTEN: '127.0.0.1:0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const ended = once(host, 'exit')
    try {
      const port = await listening(createInterface({ input: host.stderr }))
      const admin = { port, token: readFileSync(join(data, 'admin-token'), 'utf8').trim() }
      assert.equal((await call(admin, 'GET', '/healthz')).status, 200)
      assert.match((await call(admin, 'GET', '/')).body, /<!doctype html>/i)
      const app = Buffer.from("export default { fetch: () => new Response('from a package') }")
      const deployed = await call(admin, 'POST', '/v1/apps/packed/releases?filename=main.js', app)
      assert.equal(deployed.status, 201, deployed.body)
      assert.deepEqual(await visit(port, 'packed'), { status: 200, body: 'from a package' })
      host.kill('SIGTERM')
      assert.deepEqual(await ended, [0, null])
    } finally {
      host.kill('SIGKILL')
      await ended
      await removeAllOf(hostId(data))
    }
  })
})

/** Builds and packs a copy of the sources, so that the checkout stays as it is. */
async function packCopy(copy: string): Promise<Packed> {
  const parts = [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'src',
    'runtimes',
    'schema',
    'examples',
  ]
  for (const part of parts) cpSync(join(packageRoot, part), join(copy, part), { recursive: true })
  symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'))
  await run('npm', ['run', 'build'], { cwd: copy })
  const { stdout } = await run('npm', ['pack', '--json'], { cwd: copy })
  const [packed] = JSON.parse(stdout)
  return packed
}

/** The port that a starting host says it listens on. */
async function listening(lines: AsyncIterable<string>): Promise<number> {
  const said: string[] = []
  for await (const line of lines) {
    said.push(line)
    const { event, port } = line.startsWith('{') ? JSON.parse(line) : {}
    if (event === 'listening') return port
  }
  throw new Error(`the host ended:\n${said.join('\n')}`)
}

function hostId(data: string): string {
  const database = new Database(join(data, 'dormice.db'), { readonly: true })
  try {
    return (database.prepare("select value from meta where key = 'host'").get() as { value: string }).value
  } finally {
    database.close()
  }
}
