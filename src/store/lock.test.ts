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

test('who comes second is told where the first one answers, once that is known', () => {
  const file = newFile()
  const second = () => lockFolder(file)
  {
    using lock = lockFolder(file)
    assert.throws(second, /a host already runs on the data folder [^,]+; for a second one/)
    lock.note('http://dormice.localhost:8080')
    assert.throws(second, /data folder \S+, at http:\/\/dormice\.localhost:8080; for a second one/)
  }
  using _lock = second()
  assert.throws(second, /data folder [^,]+; for a second one/)
})

test('a host that was killed leaves its folder free', async t => {
  const file = newFile()
  const lock = new URL('./lock.ts', import.meta.url)
  const script = `import { lockFolder } from ${JSON.stringify(lock.href)}; globalThis.lock = lockFolder(${JSON.stringify(file)}); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  assert.throws(() => lockFolder(file), FolderInUse)
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
  lockFolder(file)[Symbol.dispose]()
})
