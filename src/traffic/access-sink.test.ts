import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { newFolder } from '../../test/support/folder.ts'
import { accessSink } from './access-sink.ts'

async function writtenTo(accessLog: string, data: string): Promise<void> {
  const sink = accessSink({ accessLog, data })
  await sink?.write(Buffer.from('{}\n'))
  await sink?.close()
}

test('access records go to the data folder, to another file, or nowhere', async () => {
  const data = newFolder('sink')
  await writtenTo('file', data)
  assert.equal(readFileSync(join(data, 'access', 'access.jsonl'), 'utf8'), '{}\n')
  const other = join(data, 'other', 'log')
  await writtenTo(other, data)
  assert.equal(readFileSync(other, 'utf8'), '{}\n')
  assert.equal(accessSink({ accessLog: 'off', data }), undefined)
})

/** Writes to standard output until that fails, then says why. */
const PROGRAM = `
  const { accessSink } = await import(${JSON.stringify(join(import.meta.dirname, 'access-sink.ts'))})
  const sink = accessSink({ accessLog: 'stdout', data: '/' })
  await sink.write(Buffer.from('{}\\n'))
  if (process.argv.includes('once')) process.exit()
  for (;;) {
    const error = await sink.write(Buffer.alloc(1000)).then(() => undefined, error => error)
    if (error === undefined) continue
    process.stderr.write(error.code, () => process.exit())
    break
  }`
const ARGUMENTS = ['--input-type=module', '--eval', PROGRAM]

test('access records go to standard output, whose reader may leave', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [...ARGUMENTS, 'once'])
  assert.equal(stdout, '{}\n')
  const child = spawn(process.execPath, ARGUMENTS, { stdio: ['ignore', 'pipe', 'pipe'] })
  await once(child.stdout, 'data')
  child.stdout.destroy()
  const [[said], [code]] = await Promise.all([once(child.stderr, 'data'), once(child, 'exit')])
  assert.deepEqual([String(said), code], ['EPIPE', 0])
})
