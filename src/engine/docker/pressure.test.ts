import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { machinePressure } from './pressure.ts'

const meminfo = 'MemTotal:       24684084 kB\nMemFree:        1000000 kB\nMemAvailable:    6171021 kB\n'
const stalls =
  'some avg10=2.10 avg60=0.00 avg300=0.00 total=525513\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=282676\n'

/** The kernel's files as they would be. */
function procOf(t: TestContext, files: Record<string, string>): string {
  const proc = mkdtempSync(join(tmpdir(), 'dormice-proc-'))
  t.after(() => rmSync(proc, { recursive: true }))
  mkdirSync(join(proc, 'pressure'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(proc, name), text)
  return proc
}

test('how long processes waited for memory is told in ms, beside the share of it that is available', async t => {
  const proc = procOf(t, { meminfo, 'pressure/memory': stalls })
  assert.deepEqual(await machinePressure(proc), { stalled: 525.513, available: 0.25 })
})

test('a kernel that does not count stalls tells nothing', async t => {
  assert.equal(await machinePressure(procOf(t, { meminfo })), undefined)
  assert.equal(await machinePressure('/nowhere'), undefined)
})
