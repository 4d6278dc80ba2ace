import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostFlags } from '../src/setup/host-process.mjs'
import type { Bench } from './bench.ts'
import { type Absent, type Found, fromDebian } from './debian.ts'
import { type Contender, figures, loadCase, units } from './edge-cases.ts'
import { edgeLoads } from './edge-loads.ts'
import { IdleSockets } from './idle-sockets.ts'
import { appCount } from './many-apps.ts'
import { canPin } from './processes.ts'
import { startCaddyProxy } from './proxies/caddy.ts'
import { startHaproxy } from './proxies/haproxy.ts'
import { startNginxProxy } from './proxies/nginx.ts'
import { host, type Server, startNodeProxy } from './proxies/server.ts'
import { absent, known, type Row, ratio } from './report.ts'
import { type Case, measureRounds } from './rounds.ts'
import { paths, startUpstream } from './upstream.ts'
import { type Asked, loadWith } from './wrk.ts'

const socketCount = 1_000

/**
 * Many short turns rather than a few long ones: what else the machine does then meets all proxies alike. Of a quick
 * run, `smallUntil` is when no further round of the small answer begins, ms after its start.
 */
const plans = {
  quick: { warmUp: 1, seconds: 1, small: 9, others: 1, smallUntil: 30_000 },
  full: { warmUp: 2, seconds: 2, small: 15, others: 5, smallUntil: Number.POSITIVE_INFINITY },
}

/** Requests/s and CPU time per request of the edge, beside other proxies in front of the same upstream. */
export const benchEdge: Bench = async ({ quick, signal, say }) => {
  const began = performance.now()
  const plan = quick ? plans.quick : plans.full
  const wrk = needed('wrk', await fromDebian('wrk', 'wrk', say))
  const nginx = needed('nginx', await fromDebian('nginx', 'nginx-light', say))
  const haproxy = await fromDebian('haproxy', 'haproxy', say)
  const caddy = await fromDebian('caddy', 'caddy', say)

  await using running = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'dormice-bench-'))
  // nginx started by root works as nobody.
  await chmod(folder, 0o755)
  running.defer(() => rm(folder, { recursive: true, force: true }))
  const sockets = running.use(await IdleSockets.listen())
  const up = async (starting: Promise<Server>): Promise<Server> => {
    const server = await starting
    running.use(server.program)
    signal.throwIfAborted()
    return server
  }
  const upstream = (await up(startUpstream(nginx, folder, sockets.port))).port
  const proxies: Contender[] = []
  const add = async (
    name: string,
    starting: Promise<Server>,
    is: { inTargets: boolean; upgrades: boolean },
  ) => proxies.push({ name, server: await up(starting), ...is })
  await add('dormice', startNodeProxy('edge-process.ts', upstream, hostFlags), {
    inTargets: true,
    upgrades: true,
  })
  await add('nginx', startNginxProxy(nginx, folder, upstream), { inTargets: true, upgrades: true })
  await add('bare http + undici', startNodeProxy('bare-process.ts', upstream), {
    inTargets: true,
    upgrades: false,
  })
  if (!('absent' in caddy))
    await add('caddy', startCaddyProxy(caddy, folder, upstream), { inTargets: true, upgrades: true })
  if (!('absent' in haproxy))
    await add('haproxy', startHaproxy(haproxy, folder, upstream), { inTargets: false, upgrades: true })
  await add('hono + fetch', startNodeProxy('hono-process.ts', upstream), {
    inTargets: false,
    upgrades: false,
  })

  const loads = await edgeLoads(folder)
  for (const { name, server } of proxies) {
    signal.throwIfAborted()
    say(`warm-up: ${name}`)
    // What Dormice compiles for each load, and the connections that it opens, are no part of what is measured.
    for (const asked of name === 'dormice' ? Object.values(loads) : [loads.small])
      await loadWith(wrk, asked, { port: server.port, host, seconds: plan.warmUp })
  }
  const under = (about: string, asked: Asked, which: (proxy: Contender) => boolean): Case[] =>
    proxies.filter(which).map(proxy => loadCase(wrk, about, asked, proxy, plan.seconds))
  const round = (cases: Case[], rounds: number, deadline = Number.POSITIVE_INFINITY) =>
    measureRounds(cases, { rounds, warmUps: 0, deadline, signal, say })

  // In a quick run those that no target is about take no time from those that one is about.
  const compared = quick ? ({ inTargets }: Contender) => inTargets : all
  const measured = quick ? ({ name }: Contender) => name === 'dormice' || name === 'nginx' : all
  const onlyDormice = ({ name }: Contender) => name === 'dormice'
  const small = await round(under('small', loads.small, compared), plan.small, began + plan.smallUntil)
  const others = await round(
    [
      ...under('small', loads.small, proxy => !compared(proxy)),
      ...under('browser headers', loads.browser, measured),
      ...under('1 KiB', loads.kib, measured),
      ...under('100 KiB', loads.hundredKib, measured),
      ...under('64 KiB POST', loads.upload, measured),
      ...under(`${appCount} apps`, loads.manyApps, onlyDormice),
    ],
    plan.others,
  )
  const open = proxies.filter(proxy => proxy.upgrades && measured(proxy))
  for (const { name, server } of open) {
    say(`opening ${socketCount} WebSockets through ${name}`)
    await sockets.openThrough({ port: server.port, path: paths.socket, count: socketCount })
    await loadWith(wrk, loads.small, { port: server.port, host, seconds: plan.warmUp })
  }
  const beside = `${socketCount} WebSockets`
  const withSockets = await round(
    under(beside, loads.small, proxy => open.includes(proxy)),
    plan.others,
  )
  if (sockets.open !== open.length * socketCount)
    throw new Error(`only ${sockets.open} of ${open.length * socketCount} WebSockets stayed open under load`)

  const rows: Row[] = [...small.rows, ...others.rows, ...withSockets.rows]
  const missing = Object.entries({ caddy, haproxy }).flatMap(([name, found]) =>
    'absent' in found ? [absent(`small: ${name}`, units.rate, found.absent)] : [],
  )
  const figure = (about: string, name: string, unit: string) => figures(rows, about, name, unit)
  const cpu = (about: string) => figure(about, 'dormice', units.cpu)?.p50 ?? undefined
  const versus = (other: string, unit: string, about = 'small') =>
    ratio(figure(about, 'dormice', unit), figure(about, other, unit), 'p50')
  return {
    rows: [...rows, ...missing],
    ratios: known({
      cpu_us_small: cpu('small'),
      cpu_vs_nginx: versus('nginx', units.cpu),
      rps_vs_nginx: versus('nginx', units.rate),
      rps_vs_caddy: versus('caddy', units.rate),
      rps_vs_bare: versus('bare http + undici', units.rate),
      rps_vs_haproxy: versus('haproxy', units.rate),
      rps_vs_hono: versus('hono + fetch', units.rate),
      cpu_us_browser: cpu('browser headers'),
      cpu_vs_nginx_browser: versus('nginx', units.cpu, 'browser headers'),
      cpu_vs_nginx_1k: versus('nginx', units.cpu, '1 KiB'),
      cpu_vs_nginx_100k: versus('nginx', units.cpu, '100 KiB'),
      cpu_vs_nginx_post: versus('nginx', units.cpu, '64 KiB POST'),
      cpu_us_1000_apps: cpu(`${appCount} apps`),
      cpu_us_1000_sockets: cpu(beside),
    }),
    notes: [
      `${small.rounds} rounds of ${plan.seconds} s for each proxy (${others.rounds} of what is not in all of them), beginning with`,
      `another one each time, after ${plan.warmUp} s of warm-up. wrk, 32 kept connections; all proxies pass on to the same nginx.`,
      'small: the answer is "hello" (6 bytes). browser headers: the same with 17 more headers, as Chrome sends them.',
      `${appCount} apps: requests for all of them in turn, each at an address of its own; Dormice always has that many.`,
      `${beside}: small answers while that many WebSockets are open through the proxy and say nothing.`,
      canPin
        ? 'The proxies share core 0, one at work at a time; wrk and the upstream share core 1.'
        : 'There is one core for all: requests/s tell little, CPU time per request does.',
      'A proxy far below 100 % of a core was held back by the load or by other processes: compare its CPU then.',
      'More requests/s and less CPU are better; CPU is user and system time of all of the proxy’s processes.',
      'Dormice routes by Host, takes a lease and makes an access record for each request; no proxy writes a log.',
    ],
  }
}

function all(): boolean {
  return true
}

function needed(command: string, found: Found | Absent): Found {
  if ('absent' in found) throw new Error(`this benchmark needs ${command}: ${found.absent}`)
  return found
}
