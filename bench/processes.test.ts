import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Program } from './processes.ts'

const linux = process.platform === 'linux'

test('CPU time counts what a process and its children take', { skip: !linux && 'needs /proc' }, async () => {
  const burn =
    'const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end); console.log(1)'
  // The inner one ends when its standard input does, so with the outer one.
  const inner = JSON.stringify(`${burn}; process.stdin.resume()`)
  const script = `require('child_process').spawn(process.execPath, ['-e', ${inner}], { stdio: ['pipe', 'inherit', 'inherit'] })`
  await using program = new Program('burner', [process.execPath, '-e', script])
  await program.line()
  assert.ok(program.cpu() >= 300_000, `${program.cpu()} µs`)
})

test('a process that ends too early says why', async () => {
  await using program = new Program('broken', [
    process.execPath,
    '-e',
    'console.error("no such luck"); process.exit(3)',
  ])
  await assert.rejects(program.line(), /broken ended with 3: no such luck/)
})

test('a command that is not there is a failure with its name', async () => {
  await using program = new Program('missing', ['/nowhere/at-all'])
  await assert.rejects(program.line(), /missing ended with .*ENOENT/)
})
