import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import { createApi } from './api/api.ts'
import { AppLogs } from './apps/app-logs.ts'
import { Apps } from './apps/apps.ts'
import type { Context } from './apps/context.ts'
import { Keeper } from './apps/keeper.ts'
import { ready } from './apps/ready.ts'
import type { Config } from './config.ts'
import { createEdge } from './edge/edge.ts'
import { DockerEngine } from './engine/docker/docker-engine.ts'
import { createLog, type Log } from './log.ts'
import { packageRoot } from './paths.ts'
import { messageOf } from './problem.ts'
import type { Builder } from './releases/build.ts'
import { Deployer } from './releases/deploy.ts'
import { Store } from './store/store.ts'

/** How often the keeper looks for idle instances, ms. */
const sweepInterval = 1_000
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
}

/** A running Dormice. Disposing of it puts every app to sleep. */
export type Host = AsyncDisposable & {
  /** Address of the control API and the dashboard. */
  url: string
  /** File with the admin token. */
  tokenFile: string
  /** True when this start made the data folder's database. */
  first: boolean
  appUrl(app: string): string
}

/** Version of this package. */
export const version: string = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version

/**
 * The composition root: builds everything by hand, starts it, and stops it when disposed of. Resolves when the
 * edge listens.
 */
export async function startHost({
  config,
  runtimes,
  caBundle,
  log = createLog(),
}: HostOptions): Promise<Host> {
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const file = join(config.data, 'dormice.db')
  const first = !existsSync(file)
  const store = new Store(file)
  const tokenFile = ensureAdminToken(store, config.data)
  // What an earlier run was still receiving.
  await rm(join(config.data, 'uploads'), { recursive: true, force: true })

  const engine = new DockerEngine(store.hostId)
  let port = config.listen.port
  const context: Context = {
    config,
    store,
    engine,
    log,
    logs: new AppLogs(join(config.data, 'logs'), engine),
    keeper: new Keeper({ budget: config.memory, now: Date.now }),
    now: Date.now,
    ready,
    starts: pLimit(2 * availableParallelism()),
    url: app => `http://${app}.${config.domain}${port === 80 ? '' : `:${port}`}`,
    deaths: new LRUCache({ max: 256 }),
    changes: new EventEmitter<{ change: [app: string] }>().setMaxListeners(0),
  }
  const apps = new Apps(context)
  const deployer = new Deployer(context, apps, { engine, config, runtimes, caBundle })
  const edge = createEdge({
    resolve: app => apps.find(app),
    control: createApi({ context, apps, deployer, version }),
    domain: config.domain,
    log,
  })

  const stopping = new AbortController()
  const watching = watch(context, apps, stopping.signal)
  // An engine that is down, or an app that is slow to answer, does not keep the others from being served.
  await Promise.race([apps.settled, sleep(startPatience, undefined, { signal: stopping.signal })])
  port = (await edge.listen(config.listen)).port
  const sweeping = setInterval(() => context.keeper.sweep(), sweepInterval)
  log.info('listening', { address: config.listen.host, port, domain: config.domain })

  return {
    url: context.url('dormice'),
    tokenFile,
    first,
    appUrl: context.url,
    async [Symbol.asyncDispose]() {
      clearInterval(sweeping)
      stopping.abort()
      await edge.close()
      await sleepAll(context, apps)
      await watching
      store[Symbol.dispose]()
    },
  }
}

/**
 * Brings engine and store together, as soon as the engine answers, and then follows its events until the signal
 * aborts. Events are hints: after every (re)connection what runs is looked at anew.
 */
async function watch(context: Context, apps: Apps, signal: AbortSignal): Promise<void> {
  const { engine, log } = context
  for (let pause = 100; !signal.aborted; pause = Math.min(pause * 2, 5_000)) {
    try {
      await apps.reconcile()
      break
    } catch (error) {
      log.warn('reconcile_failed', { error: messageOf(error) })
      await sleep(pause, undefined, { signal }).catch(() => undefined)
    }
  }
  let connected = false
  for await (const event of engine.events(signal)) {
    try {
      if (event.kind === 'connected') await apps.look()
      else if (event.kind === 'died') apps.died(event.container, event.code)
      else if (connected) log.warn('engine_lost', {})
      connected = event.kind !== 'disconnected'
    } catch (error) {
      log.error('engine_event_failed', { event: event.kind, error: messageOf(error) })
    }
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

/** The admin token: 256 random bits, made at the first start; its hash in the store, itself in a file, 0600. */
function ensureAdminToken(store: Store, data: string): string {
  const file = join(data, 'admin-token')
  if (existsSync(file) && store.tokenName(readFileSync(file, 'utf8').trim()) !== undefined) return file
  const token = randomBytes(32).toString('base64url')
  store.addToken('admin', token, Date.now())
  writeFileSync(`${file}.new`, `${token}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return file
}
