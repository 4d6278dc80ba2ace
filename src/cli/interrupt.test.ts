import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'

const SCRIPT = `
import { interruptible } from ${JSON.stringify(join(import.meta.dirname, 'interrupt.ts'))}
let clock = 0
const stops = Promise.withResolvers()
process.stdin.on('data', said => {
  if (String(said) === 'stop') stops.resolve()
  else clock = Number(said)
  console.log('heard')
})
process.on('SIGTERM', () => console.log('SIGTERM'))
const now = () => {
  console.log('SIGINT')
  return clock
}
await interruptible(async signal => {
  console.log('ready')
  await stops.promise
  console.log(signal.reason.message)
  process.exit(7)
}, now)
`

type Child = ChildProcessByStdio<Writable, Readable, null>

/** A process whose interruptible work ends when it is told to; its clock, in ms, is set by what it reads. */
async function begin(t: TestContext): Promise<Child> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await said(child, 'ready')
  return child
}

async function said(child: Child, what: string): Promise<void> {
  const [line] = await once(child.stdout, 'data')
  assert.match(String(line), new RegExp(`^${what}`))
}

async function signal(child: Child, name: 'SIGINT' | 'SIGTERM'): Promise<void> {
  child.kill(name)
  await said(child, name)
}

async function tell(child: Child, what: string): Promise<void> {
  child.stdin.write(what)
  await said(child, 'heard')
}

test('a signal that a parent passes on as well is one, and the work ends in order', async t => {
  const child = await begin(t)
  await signal(child, 'SIGINT')
  await tell(child, '20')
  await signal(child, 'SIGINT')
  await tell(child, '60000')
  await signal(child, 'SIGTERM')
  await signal(child, 'SIGTERM')
  const exit = once(child, 'exit')
  await tell(child, 'stop')
  assert.deepEqual(await exit, [7, null])
})

test('a second Ctrl-C ends the process at once', async t => {
  const child = await begin(t)
  await signal(child, 'SIGINT')
  await tell(child, '2000')
  const exit = once(child, 'exit')
  child.kill('SIGINT')
  assert.deepEqual(await exit, [null, 'SIGINT'])
})
