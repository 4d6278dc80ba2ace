import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import { FolderInUse, lockFolder } from './lock.ts'

const newFile = () => join(newFolder('lock'), 'lock')

test('a folder has one host at a time', () => {
  const file = newFile()
  const lock = lockFolder(file)
  assert.throws(() => lockFolder(file), FolderInUse)
  lock[Symbol.dispose]()
  lockFolder(file)[Symbol.dispose]()
})

test('a host that was killed leaves its folder free', async () => {
  const file = newFile()
  const lock = new URL('./lock.ts', import.meta.url)
  const script = `import { lockFolder } from ${JSON.stringify(lock.href)}; lockFolder(${JSON.stringify(file)}); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  assert.throws(() => lockFolder(file), FolderInUse)
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
  lockFolder(file)[Symbol.dispose]()
})
