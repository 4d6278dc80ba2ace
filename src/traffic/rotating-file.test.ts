import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { constants, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import { RotatingFile } from './rotating-file.ts'

const newFile = () => join(newFolder('access'), 'access', 'access.jsonl')

test('lines are appended to what an earlier run wrote, in a file for nobody else', async () => {
  const file = newFile()
  for (const line of ['one\n', 'two\n']) {
    const out = new RotatingFile(file, 1000)
    await out.write(Buffer.from(line))
    await out.close()
  }
  assert.equal(readFileSync(file, 'utf8'), 'one\ntwo\n')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(join(file, '..')).mode & 0o777, 0o700)
})

test('a file that would be too large becomes the older of two', async () => {
  const file = newFile()
  const older = file.replace('.jsonl', '.1.jsonl')
  const out = new RotatingFile(file, 10)
  for (const line of ['12345678\n', 'second\n', 'third\n']) await out.write(Buffer.from(line))
  await out.close()
  assert.deepEqual([readFileSync(older, 'utf8'), readFileSync(file, 'utf8')], ['second\n', 'third\n'])
})

test('lines of more than a whole file are written once, and then rotated', async () => {
  const file = newFile()
  const out = new RotatingFile(file, 4)
  for (const line of ['too long\n', 'x\n']) await out.write(Buffer.from(line))
  await out.close()
  assert.equal(readFileSync(file, 'utf8'), 'x\n')
})

test('a write that fails rejects, and one that works later goes on', async () => {
  const file = newFile()
  writeFileSync(join(file, '../..', 'access'), 'in the way')
  const out = new RotatingFile(file, 1000)
  await assert.rejects(out.write(Buffer.from('one\n')))
  assert.ok(!existsSync(file))
  rmSync(join(file, '..'))
  await out.write(Buffer.from('two\n'))
  await out.close()
  assert.equal(readFileSync(file, 'utf8'), 'two\n')
})

test('a device is written to as it is', async () => {
  const out = new RotatingFile('/dev/null', 4)
  for (const line of ['one\n', 'two\n', 'three\n']) await out.write(Buffer.from(line))
  await out.close()
  assert.ok(statSync('/dev/null').isCharacterDevice())
})

test('a pipe takes what somebody reads, and refuses at once what nobody does', {
  timeout: 5_000,
}, async t => {
  const pipe = join(newFolder('access'), 'pipe')
  execFileSync('mkfifo', [pipe])
  const reader = () => openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  // Whoever still waits for one could not end.
  t.after(reader)
  const out = new RotatingFile(pipe, 1000)
  await assert.rejects(out.write(Buffer.from('one\n')), { code: 'ENXIO' })
  const from = reader()
  await out.write(Buffer.from('two\n'))
  await out.close()
  assert.equal(readFileSync(from, 'utf8'), 'two\n')
})
