import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { createApi } from './api/api.ts'
import { AppLogs } from './apps/app-logs.ts'
import { Apps } from './apps/apps.ts'
import { remarkOnBudget } from './apps/budget.ts'
import type { Context } from './apps/context.ts'
import { Deaths } from './apps/deaths.ts'
import { policies } from './apps/eviction.ts'
import { Keeper } from './apps/keeper.ts'
import { MemoryWatch } from './apps/memory-watch.ts'
import { Overruns } from './apps/overruns.ts'
import { PressureWatch } from './apps/pressure-watch.ts'
import { ready } from './apps/ready.ts'
import type { Step } from './apps/steps.ts'
import { WakeTraces } from './apps/wake-traces.ts'
import { look, watch } from './apps/watch.ts'
import { type Config, ConfigError } from './config.ts'
import { Domains } from './domains/domains.ts'
import { systemDns } from './domains/evidence.ts'
import { createEdge } from './edge/edge.ts'
import { parseHost } from './edge/host.ts'
import type { Address } from './edge/listening.ts'
import { openCertificates } from './edge/tls/open.ts'
import { DockerEngine } from './engine/docker/docker-engine.ts'
import { Garbage } from './garbage.ts'
import { LayerStore } from './layers/layer-store.ts'
import { createLog, type Log } from './log.ts'
import { Networks } from './networks.ts'
import { packageRoot } from './paths.ts'
import { messageOf } from './problem.ts'
import { publicUrl } from './public-url.ts'
import type { Builder } from './releases/build.ts'
import { Deployer } from './releases/deploy.ts'
import { compactIfUrgent } from './snapshots/compaction.ts'
import { Timeline } from './snapshots/timeline.ts'
import { Upkeep } from './snapshots/upkeep.ts'
import { lockFolder } from './store/lock.ts'
import { tellOfNoRoom } from './store/no-room.ts'
import { Store } from './store/store.ts'
import { AccessLog } from './traffic/access-log.ts'
import { accessSink } from './traffic/access-sink.ts'
import { Traffic } from './traffic/traffic.ts'

/** How often the keeper looks for idle instances, ms. */
const sweepInterval = 1_000
/** How often it is looked how much memory instances have, and how short of it the machine is, ms. */
const memoryInterval = 2_000
/** How often what runs is compared with what should, whatever events said, ms. */
const lookInterval = 60_000
/** Between freezing an app that is in no hurry and giving its memory back, ms. */
const lull = 500
/** How many sandboxes lie ready although nobody has woken lately. */
const sandboxesAtLeast = 2
/** How often it is looked whose layers are to be copied, ms. */
const upkeepInterval = 1_000
/** How often it is looked which custom domains are to be looked up, ms. */
const domainInterval = 1_000
/** How often access records and how wakes went are written, and looked whether an hour is over, ms. */
const accessInterval = 1_000
/** How long a start waits for what a crash may have left to be put right, ms; it goes on after it has begun to serve. */
const startPatience = 3_000
/** How long a shutdown may take to put everything to sleep, ms; what still runs then is adopted by the next start. */
const shutdownTimeout = 60_000

export type HostOptions = {
  config: Config
  /** References of the runtimes' images on the engine. */
  runtimes: Builder['runtimes']
  caBundle: string | undefined
  log?: Log
  /** Apps go on running when the host is disposed of; the next start adopts them. */
  leaveRunning?: boolean
  /** For tests: called where a crash would leave something different behind. */
  onStep?: (step: Step) => void
}

/** A running Dormice. Disposing of it puts every app to sleep, unless they are to be left running. */
export type Host = AsyncDisposable & {
  /** Address of the control API and the dashboard. */
  url: string
  /** File with the admin token. */
  tokenFile: string
  /** True until a first app was deployed for its user to look at. */
  isNew: boolean
  /** That first app is there: no later start deploys one. */
  welcomed(): void
  appUrl(app: string): string
}

/** Version of this package. */
export const version: string = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version

/**
 * Starts a host; resolves when the edge listens.
 *
 * @throws {FolderInUse} another host runs on the data folder
 * @throws {DataUnusable} the data folder cannot be used as it is, or its disk is full
 * @throws {ConfigError} the address cannot be had
 */
export async function startHost(options: HostOptions): Promise<Host> {
  try {
    return await buildHost(options)
  } catch (error) {
    throw tellOfNoRoom(error, options.config.data)
  }
}

/** The composition root: builds everything by hand, starts it, and stops it when disposed of. */
async function buildHost({
  config,
  runtimes,
  caBundle,
  log = createLog(),
  leaveRunning = false,
  onStep = () => undefined,
}: HostOptions): Promise<Host> {
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  await using stack = new AsyncDisposableStack()
  const lock = stack.use(lockFolder(join(config.data, 'lock')))
  const store = stack.use(new Store(join(config.data, 'dormice.db')))
  const tokenFile = ensureAdminToken(store, config.data)
  // What an earlier run was still receiving.
  await rm(join(config.data, 'uploads'), { recursive: true, force: true })

  remarkOnBudget(config.memory, totalmem(), log)
  const engine = stack.use(
    new DockerEngine(store.hostId, {
      folder: config.data,
      sandboxes: {
        min: Math.min(sandboxesAtLeast, config.sandboxes),
        max: config.sandboxes,
        failed: (what, error) => log.warn(what, { error }),
        missed: count => log.info('started_without_sandbox', { count }),
      },
    }),
  )
  const ports = { http: config.listen.port, https: config.tls?.listen.port }
  const certificates = await openCertificates(config, log, host => {
    const label = parseHost(host, config.domain)
    if (label === undefined) return domains.isVerified(host)
    return label === 'dormice' || apps.find(label) !== undefined
  })
  stack.use(certificates)
  const context: Context = {
    config,
    store,
    engine,
    log,
    logs: new AppLogs(join(config.data, 'logs'), engine),
    keeper: new Keeper({
      budget: config.memory,
      now: () => performance.now(),
      policy: policies[config.eviction],
    }),
    now: Date.now,
    ready,
    lull: signal => sleep(lull, undefined, { signal, ref: false }),
    layers: new LayerStore(join(config.data, 'layers')),
    step: onStep,
    compactIfUrgent: app => compactIfUrgent(context, apps, app),
    starts: pLimit(2 * availableParallelism()),
    url: app => context.origin(`${app}.${config.domain}`),
    origin: host => publicUrl(host, ports, certificates),
    deaths: new Deaths(),
    wakes: new WakeTraces({ store, log, now: Date.now }),
    overruns: new Overruns({ store, log, now: Date.now }),
    changes: new EventEmitter<{ change: [app: string] }>().setMaxListeners(0),
  }
  const apps = new Apps(context)
  const memory = new MemoryWatch(context, apps)
  const pressure = new PressureWatch(context, () => performance.now())
  const timeline = new Timeline(context, apps)
  const upkeep = new Upkeep(context, apps)
  const deployer = new Deployer(context, apps, { engine, config, runtimes, caBundle })
  const domains = stack.use(new Domains(context, apps, { dns: systemDns(config.dns) }))
  const sink = accessSink(config)
  const accessLog = sink && new AccessLog(sink, log)
  const traffic = new Traffic(context)
  context.changes.on('change', app => {
    if (apps.find(app) === undefined) traffic.forget(app)
  })
  const edge = createEdge({
    resolve: app => apps.find(app),
    control: createApi({ context, apps, deployer, timeline, domains, traffic, tls: certificates, version }),
    domain: config.domain,
    custom: name => domains.find(name),
    waitingTemplate: join(config.data, 'waiting.html'),
    tls: certificates && { source: certificates, hsts: config.tls?.hsts },
    trust: config.trust.length === 0 ? undefined : new Networks(config.trust),
    log: {
      ...log,
      access(record) {
        traffic.add(record)
        accessLog?.add(record)
      },
      unrouted: code => traffic.addUnrouted(code),
    },
  })

  const stopping = new AbortController()
  const watching = watch({ engine, apps, log }, stopping.signal)
  stack.defer(() => {
    stopping.abort()
    return watching
  })
  // An engine that is down, or an app that is slow to answer, does not keep the others from being served.
  await Promise.race([apps.settled, sleep(startPatience, undefined, { signal: stopping.signal })])
  try {
    ports.http = await listen('DORMICE_LISTEN', config.listen, address => edge.listen(address))
    if (config.tls) {
      ports.https = await listen('DORMICE_TLS_LISTEN', config.tls.listen, address => edge.listenTls(address))
    }
  } catch (error) {
    // The one address that it has would keep the process.
    await edge.close({ drain: 0 })
    throw error
  }
  lock.note(context.url('dormice'))
  certificates?.start(`dormice.${config.domain}`)
  stack.use(upkeep)
  upkeep.start()
  stack.use(accessLog)
  stack.use(traffic)
  stack.use(context.wakes)
  const garbage = new Garbage()
  const recording = setInterval(() => {
    const all = [...apps.all()]
    accessLog?.tick()
    traffic.sweep()
    context.wakes.sweep(!all.some(({ state }) => state === 'waking'))
    garbage.sweep(!all.some(({ load }) => load.leases + load.waiting > 0), performance.now())
  }, accessInterval)
  stack.defer(() => clearInterval(recording))
  // Only then tunnels are ended: apps that were told to stop have said goodbye by them.
  stack.use(edge)
  // Before what may still be done in the background is waited for: it is not what a shutdown is asked for.
  if (!leaveRunning) stack.defer(() => sleepAll(context, apps))
  stack.defer(() => upkeep.end())
  stack.defer(() => edge.drain())
  const timers = [
    setInterval(() => context.keeper.sweep(), sweepInterval),
    setInterval(() => void memory.look(), memoryInterval),
    setInterval(() => void pressure.look(), memoryInterval),
    setInterval(() => upkeep.sweep(), upkeepInterval),
    setInterval(() => domains.sweep(), domainInterval),
    setInterval(() => look(apps, log), lookInterval),
    setInterval(() => upkeep.look(), lookInterval),
  ]
  stack.defer(() => timers.forEach(clearInterval))
  log.info('listening', {
    address: config.listen.host,
    port: ports.http,
    ...(config.tls && { tlsAddress: config.tls.listen.host, tlsPort: ports.https }),
    domain: config.domain,
  })

  const running = stack.move()
  return {
    url: context.url('dormice'),
    tokenFile,
    isNew: store.isNew,
    welcomed: () => store.welcomed(),
    appUrl: context.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/**
 * Begins to serve; the port that it got.
 *
 * @param variable where the address is from
 * @throws {ConfigError} when the address cannot be had
 */
async function listen(
  variable: string,
  address: Address,
  begin: (address: Address) => Promise<{ port: number }>,
): Promise<number> {
  try {
    return (await begin(address)).port
  } catch (error) {
    const reasons: Record<string, string> = {
      EADDRINUSE: 'something else listens there already',
      EADDRNOTAVAIL: 'this machine does not have that address',
      EACCES: 'it is not for this user',
    }
    const reason = reasons[String((error as { code?: unknown }).code)]
    if (reason === undefined) throw error
    throw new ConfigError(
      `${variable}="${address.host}:${address.port}" cannot be used: ${reason}; accepted: a free address and port`,
    )
  }
}

async function sleepAll(context: Context, apps: Apps): Promise<void> {
  const atOnce = pLimit(4)
  const all = [...apps.all()].map(instance =>
    atOnce(() =>
      instance
        .sleep('shutdown')
        .catch(error =>
          context.log.warn('not_asleep_at_shutdown', { app: instance.name, error: messageOf(error) }),
        ),
    ),
  )
  await Promise.race([Promise.all(all), sleep(shutdownTimeout, undefined, { ref: false })])
}

/**
 * The admin token: 256 random bits, made at the first start; its hash in the store, itself in a file, 0600. Where the
 * file is gone a new one takes its place, so deleting the file is how to withdraw a token that became known.
 */
function ensureAdminToken(store: Store, data: string): string {
  const file = join(data, 'admin-token')
  if (existsSync(file) && store.tokenName(readFileSync(file, 'utf8').trim()) !== undefined) return file
  const token = randomBytes(32).toString('base64url')
  store.setToken('admin', token, Date.now())
  writeFileSync(`${file}.new`, `${token}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return file
}
