import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { readTestRequest, runnerArguments } from './test.ts'

const root = mkdtempSync(join(tmpdir(), 'dormice-tests-'))
before(() => {
  for (const path of [
    'src/a.test.ts',
    'src/a.ts',
    'src/x/b.test.ts',
    'test/c.test.ts',
    'test/fixtures/d.test.ts',
  ]) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), '')
  }
})
after(() => rmSync(root, { recursive: true }))

test('without arguments all tests run, those of fixtures aside', () => {
  const { files, flags } = readTestRequest([], root)
  assert.deepEqual(files, ['src/a.test.ts', 'src/x/b.test.ts', 'test/c.test.ts'])
  assert.deepEqual(flags, [])
})

test('files, folders and patterns choose the tests, each once', () => {
  const { files } = readTestRequest(['test/c.test.ts', 'src/x', 'src/**/b.test.ts'], root)
  assert.deepEqual(files, ['src/x/b.test.ts', 'test/c.test.ts'])
})

test('flags reach the runner with their values, in order', () => {
  const request = readTestRequest(['--test-name-pattern', 'test', '--test-only', 'test/c.test.ts'], root)
  assert.deepEqual(request, {
    files: ['test/c.test.ts'],
    flags: ['--test-name-pattern', 'test', '--test-only'],
  })
})

test('a test file that is not there is refused', () => {
  assert.throws(() => readTestRequest(['test/typo.test.ts'], root), { code: 'no_such_test' })
})

test('the reporter is spec unless another is asked for', () => {
  assert.ok(runnerArguments({ files: [], flags: [] }).includes('--test-reporter=spec'))
  assert.ok(!runnerArguments({ files: [], flags: ['--test-reporter=tap'] }).includes('--test-reporter=spec'))
})
