import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hasTraces } from './traces.ts'

const holder = { id: 'ff530f0658df508349f04cf4458cf2b9c59900a73e020431e9528bc938e92db0', pid: 7 }
const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const resolver = '   0: 0B00007F:9A47 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 939059 1\n'
const remembered = '   1: 030012AC:1F90 010012AC:C63E 06 00000000:00000000 03:00001768 00000000  0 0 0 3\n'

type Counts = { opened?: number; sent?: number; sent6?: number; pinged?: number }

/** Counts as the kernel writes them. */
const snmp = ({ opened = 0, sent = 0, pinged = 0 }: Counts) => `Ip: Forwarding DefaultTTL
Ip: 1 64
Icmp: InMsgs InEchos OutMsgs OutEchos
Icmp: 3 1 2 ${pinged}
Tcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens
Tcp: 1 -1 ${opened} 12
Udp: InDatagrams OutDatagrams MemErrors
Udp: 4 ${sent} 5
`
const snmp6 = ({ sent6 = 0 }: Counts) => `Udp6InDatagrams                 	3
Udp6OutDatagrams                	${sent6}
UdpLite6OutDatagrams            	0
Icmp6OutEchos                   	0
`

/** A process file system in which the holder is the only process. */
function proc(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'dormice-proc-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, '7/net'), { recursive: true })
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, '7', path), text)
  return folder
}

const left = (counts: Counts = {}, sockets = resolver) => ({
  cgroup: `2:cpuacct:/docker/${holder.id}\n`,
  'net/tcp': head + sockets,
  'net/tcp6': head,
  'net/snmp': snmp(counts),
  'net/snmp6': snmp6(counts),
})

test('who was only spoken to leaves no traces', async t => {
  assert.equal(await hasTraces(holder, proc(t, left())), false)
  const { 'net/snmp6': _, ...withoutIpv6 } = left()
  assert.equal(await hasTraces(holder, proc(t, withoutIpv6)), false)
})

test('whoever opened a connection, or sent a datagram or a ping, leaves some', async t => {
  for (const counts of [{ opened: 1 }, { sent: 1 }, { sent6: 1 }, { pinged: 1 }]) {
    assert.equal(await hasTraces(holder, proc(t, left(counts))), true, JSON.stringify(counts))
  }
})

test('a connection that the kernel remembers is one', async t => {
  assert.equal(await hasTraces(holder, proc(t, left({}, resolver + remembered))), true)
})

test('where it cannot be seen there may be some', async t => {
  assert.equal(await hasTraces(holder, proc(t, { ...left(), cgroup: '0::/user.slice\n' })), true)
  assert.equal(await hasTraces(holder, proc(t, { ...left(), 'net/snmp': 'another kernel’s' })), true)
  assert.equal(await hasTraces({ ...holder, pid: 8 }, proc(t, left())), true)
})
