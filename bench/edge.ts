import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { type Absent, type Found, fromDebian } from './debian.ts'
import { canPin } from './processes.ts'
import {
  host,
  type Server,
  startCaddyProxy,
  startNginxProxy,
  startNodeProxy,
  startUpstream,
} from './proxies.ts'
import { absent, known, ratio } from './report.ts'
import { type Case, measureRounds, rowOf } from './rounds.ts'
import { loadWith } from './wrk.ts'

const rate = 'requests/s'
const cpu = 'CPU µs/request'
/** Below a full core the load or another process, not the proxy, was the limit. */
const busy = '% of a core'

const warmUpSeconds = 2
/** When a quick run begins no further round, ms after its start. */
const quickLimit = 42_000

/** Requests/s and CPU time per request of the edge, beside other proxies in front of the same upstream. */
export const benchEdge: Bench = async ({ quick, signal, say }) => {
  const deadline = quick ? performance.now() + quickLimit : Number.POSITIVE_INFINITY
  const wrk = needed('wrk', await fromDebian('wrk', 'wrk', say))
  const nginx = needed('nginx', await fromDebian('nginx', 'nginx-light', say))
  const caddy = await fromDebian('caddy', 'caddy', say)

  await using running = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'dormice-bench-'))
  running.defer(() => rm(folder, { recursive: true, force: true }))
  const up = async (starting: Promise<Server>): Promise<Server> => {
    const server = await starting
    running.use(server.program)
    signal.throwIfAborted()
    return server
  }
  const upstream = (await up(startUpstream(nginx, folder))).port
  const proxies: [name: string, server: Server][] = [
    ['dormice', await up(startNodeProxy('edge-process.ts', upstream))],
    ['nginx', await up(startNginxProxy(nginx, folder, upstream))],
    ['bare http + undici', await up(startNodeProxy('bare-process.ts', upstream))],
  ]
  if (!('absent' in caddy)) proxies.push(['caddy', await up(startCaddyProxy(caddy, folder, upstream))])

  const load = ({ port }: Server, seconds: number) => loadWith(wrk, { port, host, seconds })
  for (const [name, server] of proxies) {
    signal.throwIfAborted()
    say(`warm-up: ${name}`)
    await load(server, warmUpSeconds)
  }
  // Many short turns rather than a few long ones: what else the machine does then meets all proxies alike.
  const [rounds, seconds] = quick ? [9, 1] : [15, 2]
  const cases = proxies.map(
    ([name, server]): Case => ({
      name,
      async measure() {
        const before = server.program.cpu()
        const began = performance.now()
        const { requests, perSecond } = await load(server, seconds)
        const took = (performance.now() - began) * 1_000
        const used = server.program.cpu() - before
        return [
          { row: name, unit: rate, value: perSecond },
          { row: name, unit: cpu, value: used / requests },
          { row: name, unit: busy, value: (100 * used) / took },
        ]
      },
    }),
  )
  const measured = await measureRounds(cases, { rounds, warmUps: 0, deadline, signal, say })
  const rows = 'absent' in caddy ? [...measured.rows, absent('caddy', rate, caddy.absent)] : measured.rows
  const versus = (other: string, unit: string) =>
    ratio(rowOf(rows, 'dormice', unit), rowOf(rows, other, unit), 'p50')
  return {
    rows,
    ratios: known({
      cpu_us_small: rowOf(rows, 'dormice', cpu)?.p50 ?? undefined,
      cpu_vs_nginx: versus('nginx', cpu),
      rps_vs_nginx: versus('nginx', rate),
      rps_vs_caddy: versus('caddy', rate),
      rps_vs_bare: versus('bare http + undici', rate),
    }),
    notes: [
      `${measured.rounds} rounds of ${seconds} s for each proxy, beginning with another one each time, after ${warmUpSeconds} s of warm-up.`,
      'wrk, 32 kept connections; all proxies pass on to the same nginx, which answers "hello" (6 bytes).',
      canPin
        ? 'The proxies share core 0, one at work at a time; wrk and the upstream share core 1.'
        : 'There is one core for all: requests/s tell little, CPU time per request does.',
      'A proxy far below 100 % of a core was held back by the load or by other processes: compare its CPU then.',
      'More requests/s and less CPU are better; CPU is user and system time of all of the proxy’s processes.',
      'Dormice routes by Host, takes a lease and makes an access record for each request; no proxy writes a log.',
    ],
  }
}

function needed(command: string, found: Found | Absent): Found {
  if ('absent' in found) throw new Error(`this benchmark needs ${command}: ${found.absent}`)
  return found
}
