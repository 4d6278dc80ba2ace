import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../paths.ts'

/** A program that says something whenever it is told to, to whoever reads; its exit code when nobody does. */
async function unread(begin: string): Promise<number | null> {
  const program = `
    import { endWithReader, outliveReaders } from ${JSON.stringify(join(packageRoot, 'src/cli/readers.ts'))}
    ${begin}
    process.on('message', message => {
      if (message === 'end') process.exit(7)
      console.log('said')
      console.error('said')
      setImmediate(() => process.send?.('said'))
    })
    process.send('ready')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const ended = once(child, 'exit')
  await once(child, 'message')
  for (const stream of [child.stdout, child.stderr]) {
    stream?.destroy()
    if (stream) await once(stream, 'close')
  }
  for (let times = 0; times < 3 && child.exitCode === null && child.connected; times++) {
    child.send('say', () => {})
    await Promise.race([once(child, 'message'), ended])
  }
  if (child.connected) child.send('end', () => {})
  const [code] = await ended
  return code
}

test('a command ends in order when nobody reads its output any more', async () => {
  assert.equal(await unread('endWithReader(); process.stderr.on("error", () => {})'), 0)
})

test('a host goes on when nobody reads its output and its log any more', async () => {
  assert.equal(await unread('endWithReader(); outliveReaders()'), 7)
})
