import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { countOutbound, hasRemains, socketTables } from './sockets.ts'

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const rest = '00000000:00000000 00:00000000 00000000  1000        0 9107778 1 0000000044e9c7fd 100 0 0 10 0'

/** A table as the kernel writes it, of sockets given as `local:port remote:port state`. */
const table = (...sockets: string[]) =>
  head + sockets.map((socket, n) => `${String(n).padStart(4)}: ${socket} ${rest}\n`).join('')

const self = '030012AC'
const gateway = '010012AC'
const mapped = (v4: string) => `${'0'.repeat(16)}FFFF0000${v4}`
const any6 = '0'.repeat(32)
const loopback6 = `${'0'.repeat(24)}01000000`

test('a connection that a container opened is told from those that came in', () => {
  const listens = `00000000:1F90 00000000:0000 0A`
  assert.equal(countOutbound([table(listens, `${self}:1F90 ${gateway}:C350 01`), head]), 0)
  assert.equal(countOutbound([table(listens, `${self}:C350 ${gateway}:1F90 01`), head]), 1)
})

test('one that came in by IPv4 to who listens on IPv6 is seen to have come in', () => {
  const came = `${mapped(self)}:1F90 ${mapped(gateway)}:C350 01`
  assert.equal(countOutbound([head, table(`${any6}:1F90 ${any6}:0000 0A`, came)]), 0)
})

test('connections within the container and those that are over do not count, by IPv4 and by IPv6', () => {
  const within = [
    table(`0100007F:C350 0100007F:18EB 01`, `0100007F:C351 0B00007F:0035 01`, `${self}:C352 ${self}:18EB 01`),
    table(
      `${loopback6}:C353 ${loopback6}:18EB 01`,
      `${mapped('0100007F')}:C354 ${mapped('0100007F')}:18EB 01`,
    ),
  ]
  assert.equal(countOutbound(within), 0)
  const over = ['02', '04', '05', '06', '08'].map(state => `${self}:C350 ${gateway}:1F90 ${state}`)
  assert.equal(countOutbound([table(...over), head]), 0)
})

test('connections to elsewhere count, by IPv4 and by IPv6', () => {
  const tables = [
    table(`${self}:C350 ${gateway}:1F90 01`, `${self}:C351 08080808:01BB 01`),
    table(
      `${mapped(self)}:C352 ${mapped('08080808')}:01BB 01`,
      `B80D0120${'0'.repeat(24)}:C353 B80D0120${'0'.repeat(16)}01000000:01BB 01`,
    ),
  ]
  assert.equal(countOutbound(tables), 4)
})

test('of processes that have ended nothing is left but what the engine’s resolver listens on', () => {
  const resolver = table('0B00007F:9A47 00000000:0000 0A')
  assert.equal(hasRemains([resolver, head]), false)
  for (const state of ['01', '02', '04', '05', '06', '08']) {
    assert.equal(hasRemains([resolver, table(`${any6}:1F90 ${mapped(gateway)}:C350 ${state}`)]), true)
  }
  assert.equal(hasRemains([resolver, table(`${any6}:1F90 ${any6}:0000 0A`)]), true)
})

const id = 'ff530f0658df508349f04cf4458cf2b9c59900a73e020431e9528bc938e92db0'

/** A process file system with one process. */
function proc(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-proc-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, '7', path)), { recursive: true })
    writeFileSync(join(folder, '7', path), text)
  }
  return folder
}

test('tables are read of a process that is in the container, on either kind of cgroups', async t => {
  const tables = { 'net/tcp': 'four', 'net/tcp6': 'six' }
  for (const cgroup of [
    `2:cpuacct:/docker/${id}\n0::/docker/${id}\n`,
    `0::/system.slice/docker-${id}.scope\n`,
  ]) {
    assert.deepEqual(await socketTables({ id, pid: 7 }, proc(t, { ...tables, cgroup })), ['four', 'six'])
  }
})

test('a kernel without IPv6 has one table', async t => {
  const folder = proc(t, { 'net/tcp': 'four', cgroup: `0::/docker/${id}\n` })
  assert.deepEqual(await socketTables({ id, pid: 7 }, folder), ['four', ''])
})

test('a process that is not seen, or is another one of the same id, tells nothing', async t => {
  const another = proc(t, { 'net/tcp': 'four', 'net/tcp6': 'six', cgroup: '0::/\n' })
  assert.equal(await socketTables({ id, pid: 7 }, another), undefined)
  assert.equal(await socketTables({ id, pid: 8 }, another), undefined)
})
