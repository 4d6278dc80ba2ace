import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/* The kernel's tables of TCP sockets, `/proc/<pid>/net/tcp` and `tcp6`: proc(5), and net/ipv4/tcp_ipv4.c. */

const established = '01'
const listening = '0A'

type Socket = { local: string; port: string; remote: string; state: string }

/**
 * How many connections to elsewhere were opened from within: established ones whose local port nobody listens on, as
 * somebody does for those that came in. What processes of one container have between them does not count.
 *
 * @param tables texts of `tcp` and `tcp6` of one network namespace
 */
export function countOutbound(tables: readonly string[]): number {
  const sockets = tables.flatMap(parse)
  const served = new Set(sockets.filter(one => one.state === listening).map(one => one.port))
  return sockets.filter(
    ({ local, port, remote, state }) =>
      state === established && !served.has(port) && remote !== local && !isLoopback(remote),
  ).length
}

/**
 * Whether sockets are left of processes that have ended: the kernel remembers connections that were closed from within for
 * a minute. Only the engine's own resolver listens then, within.
 *
 * @param tables as of {@link countOutbound}
 */
export function hasRemains(tables: readonly string[]): boolean {
  return tables.flatMap(parse).some(({ state, local }) => state !== listening || !isLoopback(local))
}

function parse(table: string): Socket[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap(line => {
      const [, from, to, state] = line.trim().split(/\s+/)
      const [local, port] = from?.split(':') ?? []
      const [remote] = to?.split(':') ?? []
      return local && port && remote && state ? [{ local, port, remote, state }] : []
    })
}

/** Addresses are 32-bit words, each as the processor stores it: 127.0.0.1 is `0100007F`. */
function isLoopback(address: string): boolean {
  const v4 = address.replace(/^0{16}FFFF0000/, '')
  return v4.length === 8 ? v4.endsWith('7F') : address === `${'0'.repeat(24)}01000000`
}

/**
 * The tables of a container's network namespace, read through its first process; undefined when that process cannot
 * be seen from here: the engine runs on another machine, or this host in a container with process ids of its own.
 *
 * @param proc where the process file system is mounted
 */
export async function socketTables(
  { id, pid }: { id: string; pid: number },
  proc = '/proc',
): Promise<string[] | undefined> {
  const read = (file: string) => readFile(join(proc, String(pid), file), 'utf8')
  try {
    // A kernel without IPv6 has no table of it.
    const tables = [await read('net/tcp'), await read('net/tcp6').catch(() => '')]
    // Whose process that is, is asked last: the id was the container's when the engine told it, and if it still is, it
    // was all the while. Elsewhere it may well name some other process.
    return (await read('cgroup')).includes(id) ? tables : undefined
  } catch {
    return undefined
  }
}
