import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const LOCK = JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } })

/** A clone with nothing but the bootstrap, a CLI that prints its arguments, and an `npm` of our own. */
class Clone {
  readonly root = mkdtempSync(join(tmpdir(), 'dormice-clone-'))

  constructor() {
    mkdirSync(join(this.root, 'src/setup'), { recursive: true })
    for (const file of ['bootstrap.mjs', 'host-process.mjs'])
      copyFileSync(join(import.meta.dirname, file), join(this.root, 'src/setup', file))
    this.write('src/cli/main.ts', 'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 3')
    this.write('package-lock.json', LOCK)
    this.npm(`mkdir -p node_modules; cp package-lock.json node_modules/.package-lock.json`)
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  npm(script: string): void {
    this.write('bin/npm', `#!/bin/sh\necho "$*" >> npm-calls\n${script}\n`)
    chmodSync(join(this.root, 'bin/npm'), 0o755)
  }

  get npmCalls(): number {
    const file = join(this.root, 'npm-calls')
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0
  }

  run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return this.runWith({}, ...args)
  }

  /** @param given environment variables */
  runWith(
    given: Record<string, string>,
    ...args: string[]
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const env = { PATH: `${this.root}/bin:${process.env['PATH']}`, HOME: this.root, ...given }
    return new Promise(resolve => {
      const file = join(this.root, 'src/setup/bootstrap.mjs')
      const child = execFile(process.execPath, [file, ...args], { env }, (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr })
      })
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}

test('dependencies are installed once, and the command gets its arguments and gives its exit code', async () => {
  using clone = new Clone()
  const first = await clone.run('up', '--x', 'a b')
  assert.match(first.stdout, /✓ dependencies {2}\d+\.\d s \(2 packages\)\n✓ node {10}v\d+/)
  assert.match(first.stdout, /\n\["up","--x","a b"\]\n$/)
  assert.equal(first.code, 3)
  const second = await clone.run('up')
  assert.match(second.stdout, /^✓ dependencies {2}2 packages\n/)
  assert.equal(clone.npmCalls, 1)
})

test("the CLI's stdout is its own, also when dependencies are installed", async () => {
  using clone = new Clone()
  const first = await clone.run('cli', 'ls', '--json')
  assert.equal(first.stdout, '["ls","--json"]\n')
  assert.match(first.stderr, /✓ dependencies/)
  assert.deepEqual(await clone.run('cli', 'ls'), { code: 3, stdout: '["ls"]\n', stderr: '' })
})

test('a host alone is started as one, and what the user sets for it holds', async () => {
  using clone = new Clone()
  clone.write(
    'src/cli/main.ts',
    'console.log(JSON.stringify([process.execArgv, process.env.NODE_COMPILE_CACHE]))',
  )
  const started = async (given: Record<string, string>, ...args: string[]) =>
    JSON.parse((await clone.runWith(given, ...args)).stdout.trim().split('\n').at(-1) ?? '')
  const flags = ['--max-semi-space-size=8']
  const own = join(clone.root, 'own')
  assert.deepEqual(await started({}, 'cli', 'ls'), [[], null])
  for (const host of [['up'], ['cli', 'serve']]) {
    assert.deepEqual(await started({}, ...host), [flags, join(clone.root, '.cache', 'dormice')])
    assert.deepEqual(await started({ NODE_COMPILE_CACHE: own }, ...host), [flags, own])
  }
})

test('a changed package-lock.json installs again', async () => {
  using clone = new Clone()
  await clone.run('cli')
  clone.write('package-lock.json', LOCK.replace('1.0.0', '1.0.1'))
  await clone.run('cli')
  assert.equal(clone.npmCalls, 2)
})

test('what npm itself installed before is taken as it is', async () => {
  using clone = new Clone()
  clone.write('node_modules/.package-lock.json', LOCK)
  await clone.run('cli')
  assert.equal(clone.npmCalls, 0)
})

test('runs at the same time install once', async () => {
  using clone = new Clone()
  clone.npm('sleep 0.5; mkdir -p node_modules; cp package-lock.json node_modules/.package-lock.json')
  const runs = await Promise.all([clone.run('cli'), clone.run('cli'), clone.run('cli')])
  assert.deepEqual(
    runs.map(run => run.code),
    [3, 3, 3],
  )
  assert.equal(clone.npmCalls, 1)
})

test('a failed installation shows the end of what npm said, what to do, and is tried anew by the next run', async () => {
  using clone = new Clone()
  clone.npm('mkdir -p node_modules; echo "npm error code ENOSPC" >&2; exit 1')
  const failed = await clone.run('up')
  assert.equal(failed.code, 1)
  assert.match(
    failed.stderr,
    / {2}npm error code ENOSPC\nnpm ci failed \(exit 1\): free some disk space, then run/,
  )
  clone.npm('cp package-lock.json node_modules/.package-lock.json')
  assert.equal((await clone.run('up')).code, 3)
})

test('an unknown script is refused', async () => {
  using clone = new Clone()
  assert.deepEqual(await clone.run('dance'), {
    code: 1,
    stdout: '',
    stderr: '"dance" is unknown; accepted: up, cli, test, bench, faults, soak, conformance\n',
  })
})
