import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasRemains, socketTables } from '../sockets.ts'

/* The kernel's counts of one network namespace, `/proc/<pid>/net/snmp` and `snmp6`: proc_pid_net(5). */

/**
 * Whether who was in a network namespace, and has ended, may be known there or to others by its address: connections that
 * the kernel remembers, and whatever came of having spoken to anybody first, such as what the kernel learnt of the way
 * there, or answers that are still to come. What cannot be seen from here may be.
 *
 * @param holder id and process id of the container that holds the namespace
 * @param proc where the process file system is mounted
 */
export async function hasTraces(holder: { id: string; pid: number }, proc = '/proc'): Promise<boolean> {
  const read = (file: string) => readFile(join(proc, String(holder.pid), 'net', file), 'utf8')
  try {
    // A kernel without IPv6 has no counts of it.
    const [four, six] = await Promise.all([read('snmp'), read('snmp6').catch(() => '')])
    // Asked last, for it says whose process it was.
    const tables = await socketTables(holder, proc)
    return tables === undefined || hasRemains(tables) || hasSpoken(four, six)
  } catch {
    return true
  }
}

/** Whether a connection was opened, or a datagram or a ping sent, from within. */
function hasSpoken(four: string, six: string): boolean {
  const counts = [
    count(four, 'Tcp', 'ActiveOpens'),
    count(four, 'Udp', 'OutDatagrams'),
    count(four, 'Icmp', 'OutEchos'),
    // Not every kernel has it.
    four.includes('UdpLite:') ? count(four, 'UdpLite', 'OutDatagrams') : 0,
    ...[...six.matchAll(/^(?:Udp6|UdpLite6)OutDatagrams\s+(\d+)$|^Icmp6OutEchos\s+(\d+)$/gm)].map(
      ([, datagrams, echos]) => Number(datagrams ?? echos),
    ),
  ]
  return counts.some(number => number !== 0)
}

/** A number of two lines, of which the first names those of the second; NaN where there is none. */
function count(table: string, protocol: string, name: string): number {
  const [names = [], numbers = []] = table
    .split('\n')
    .filter(line => line.startsWith(`${protocol}: `))
    .map(line => line.split(' '))
  return Number(numbers[names.indexOf(name)])
}
