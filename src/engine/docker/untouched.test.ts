import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isUntouched } from './untouched.ts'

function upperDir(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-upper-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const stored = (Name: string, UpperDir: string) => ({
  GraphDriver: { Name, Data: { DeviceId: '', DeviceName: '', DeviceSize: '', UpperDir } },
})

test('a container has written nothing while the folder of its changes is empty', async t => {
  const folder = upperDir(t)
  assert.equal(await isUntouched(stored('overlay2', folder)), true)
  mkdirSync(join(folder, 'app'))
  assert.equal(await isUntouched(stored('overlay2', folder)), false)
})

test('it may have written something where that folder cannot be seen, or another one is meant', async t => {
  const folder = upperDir(t)
  assert.equal(await isUntouched(stored('overlay2', join(folder, 'elsewhere'))), false)
  assert.equal(await isUntouched(stored('zfs', folder)), false)
  assert.equal(await isUntouched({} as Parameters<typeof isUntouched>[0]), false)
})
