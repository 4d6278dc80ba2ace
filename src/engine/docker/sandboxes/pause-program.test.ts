import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pauseProgram } from './pause-program.ts'

const here = process.arch === 'arm64' ? 'arm64' : 'amd64'

test('the program that holds a sandbox runs until it is killed, and uses no CPU', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-pause-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'pause'), pauseProgram(here), { mode: 0o755 })
  const child = spawn(join(folder, 'pause'))
  await once(child, 'spawn')
  // Asleep in the kernel, which it is only once it has come to wait.
  while (stateOf(child.pid) !== 'S') assert.equal(child.exitCode, null)
  child.kill('SIGKILL')
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL'])
})

test('it is a small executable for either machine', () => {
  for (const machine of ['amd64', 'arm64'] as const) {
    const file = pauseProgram(machine)
    assert.equal(file.subarray(0, 4).toString('latin1'), '\x7fELF')
    assert.ok(file.length < 200)
  }
})

function stateOf(pid: number | undefined): string | undefined {
  return /^\d+ \(.*\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
}
