import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { addAbortSignal, Readable } from 'node:stream'
import { pack } from 'tar-stream'
import { buildName } from '../apps/naming.ts'
import { ReleaseFailed } from '../apps/release-failed.ts'
import type { Config } from '../config.ts'
import {
  BuildFailed,
  type ContainerSpec,
  type Engine,
  type Image,
  type Labels,
  NotFound,
  PullFailed,
} from '../engine/engine.ts'
import { Problem } from '../problem.ts'
import { buildEnv, CA_PATH, CACHE_PATH } from './build-env.ts'
import type { BuildLog } from './build-log.ts'
import type { Plan } from './runtime.ts'

/** The user of our runtimes, who owns the app's files. */
export const appUser = { uid: 1000, gid: 1000 }

/** What a build needs from its surroundings. */
export type Builder = {
  engine: Engine
  config: Config
  /** Reference of each runtime's image on the engine. */
  runtimes: Readonly<Record<'node' | 'python' | 'static', string>>
  /** Path of the machine's bundle of certificate authorities, if it has one. */
  caBundle: string | undefined
}

/** What is to be built. */
export type Build = {
  app: string
  plan: Plan
  /** Plain tar of the app's folder, its paths under the given prefix; owner as given. */
  files: (options: { prefix: string; uid: number; gid: number }) => Readable
  tag: string
  labels: Labels
  /** Owner of the package cache: packages of one account never reach another's builds. */
  account: string
}

/**
 * Makes a release's image of an upload. A runtime's build runs in a container of its own, as the app's user,
 * and what is left there is the image; a `Dockerfile` is the engine's to build.
 *
 * @throws {Problem} 422 `build_failed`, 422 `build_timeout`, each with the last lines of the log
 */
export function build(builder: Builder, job: Build, log: BuildLog, signal: AbortSignal): Promise<Image> {
  const make = job.plan.runtime === 'dockerfile' ? buildDockerfile : buildInContainer
  return inTime(builder.config, log, signal, limited => make(builder, job, log, limited))
}

/**
 * Makes a release's image of a given one: the same layers, our labels.
 *
 * @throws {Problem} 422 `image_not_found`; 422 `build_timeout`
 */
export function buildFromImage(
  builder: Builder,
  job: { reference: string; app: string; tag: string; labels: Labels },
  log: BuildLog,
  signal: AbortSignal,
): Promise<Image> {
  return inTime(builder.config, log, signal, async limited => {
    const image = await builder.engine.pull(job.reference, log.line, limited).catch(error => {
      if (!(error instanceof PullFailed)) throw error
      throw new Problem({ code: 'image_not_found', status: 422, detail: error.message, cause: error })
    })
    return sealImage(builder, image, job)
  })
}

/** Gives a build the time it may take. Whatever it fails with once the signal aborted, it failed of that. */
async function inTime<T>(
  { build: { timeout } }: Config,
  log: BuildLog,
  signal: AbortSignal,
  make: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
  try {
    return await make(limited)
  } catch (error) {
    signal.throwIfAborted()
    if (limited.aborted) throw timedOut(timeout, log)
    throw error
  }
}

async function buildDockerfile(
  builder: Builder,
  job: Build,
  log: BuildLog,
  signal: AbortSignal,
): Promise<Image> {
  const { engine, config } = builder
  const files = job.files({ prefix: '', uid: 0, gid: 0 })
  const { tag, labels } = job
  const image = await engine
    .build(files, { tag, labels, limits: buildLimits(config), log: log.line, signal })
    .catch(error => {
      if (!(error instanceof BuildFailed)) throw error
      log.line(error.message)
      throw failed(error.message, log)
    })
  return sealImage(builder, image, job)
}

/** Strange images become releases through a container that is never run, so its command matters only to the image. */
async function sealImage(
  { engine, config }: Builder,
  image: Image,
  { app, tag, labels }: { app: string; tag: string; labels: Labels },
): Promise<Image> {
  const command = image.command.length > 0 ? image.command : ['true']
  const spec = buildSpec(config, app, labels, image.id, command)
  const sealed = await withContainer(engine, { ...spec, confinement: 'image' }, id =>
    engine.seal(id, { tag, labels }),
  )
  return { ...sealed, command: image.command }
}

async function buildInContainer(
  builder: Builder,
  job: Build,
  log: BuildLog,
  signal: AbortSignal,
): Promise<Image> {
  const { engine, config, runtimes } = builder
  const { runtime, build: command } = job.plan
  const base = runtimes[runtime as keyof typeof runtimes]
  // The build's environment goes in by `env`, because the container's own would end up in the image's config.
  const path = job.plan.env['PATH']
  const env = Object.entries({ ...buildEnv(), ...(path ? { PATH: path } : {}) }).map(
    ([key, value]) => `${key}=${value}`,
  )
  const argv = command === undefined ? ['true'] : ['/usr/bin/env', ...env, 'sh', '-c', command]
  const spec = buildSpec(config, job.app, job.labels, base, argv)
  const cache = { volume: cacheVolume(job.labels.host, job.account), path: CACHE_PATH }
  await engine.image(base).catch(error => {
    if (!(error instanceof NotFound)) throw error
    throw new Problem({
      code: 'runtime_missing',
      status: 503,
      detail: `the image of the runtime ${runtime} is not on the engine; the host makes it when it starts, which takes a minute or two: try again then`,
      retryAfter: 20,
      cause: error,
    })
  })
  return withContainer(engine, command === undefined ? spec : { ...spec, cache }, async id => {
    await engine.put(id, '/', addAbortSignal(signal, job.files({ prefix: 'app/', ...appUser })))
    if (command !== undefined) {
      if (builder.caBundle !== undefined) await engine.put(id, CACHE_PATH, await caTar(builder.caBundle))
      await runBuild(engine, id, log, signal)
    }
    const image = await engine.commit(id, { tag: job.tag, labels: job.labels })
    if (!image) throw new Error(`the build of ${job.tag} left no files`)
    return image
  })
}

/** Uses a container that is gone afterwards. One of its name is what an engine that was lost meanwhile still has. */
async function withContainer<T>(
  engine: Engine,
  spec: ContainerSpec,
  use: (id: string) => Promise<T>,
): Promise<T> {
  await engine.remove(spec.name)
  const id = await engine.create(spec)
  try {
    return await use(id)
  } finally {
    await engine.remove(id)
  }
}

async function runBuild(engine: Engine, id: string, log: BuildLog, signal: AbortSignal): Promise<void> {
  await engine.run(id)
  for await (const line of engine.logs(id, { follow: true, signal })) log.line(line.text)
  signal.throwIfAborted()
  const exit = await engine.wait(id, signal)
  if (exit.oomKilled)
    throw failed('it was killed for using more memory than a build may (DORMICE_BUILD_MEMORY)', log)
  if (exit.code !== 0) throw failed(`it ended with exit code ${exit.code}`, log)
}

function failed(how: string, log: BuildLog): Problem {
  return new ReleaseFailed({
    code: 'build_failed',
    status: 422,
    detail: `the build failed: ${how}`,
    data: { log: log.tail },
  })
}

function timedOut(timeout: number, log: BuildLog): Problem {
  return new ReleaseFailed({
    code: 'build_timeout',
    status: 422,
    detail: `the build did not end within ${timeout / 1000} s (DORMICE_BUILD_TIMEOUT)`,
    data: { log: log.tail },
  })
}

function buildSpec(
  config: Config,
  app: string,
  labels: Labels,
  image: string,
  command: readonly string[],
): ContainerSpec {
  return {
    name: buildName(labels.host, app),
    image,
    labels: { ...labels, role: 'build' },
    command,
    env: {},
    limits: buildLimits(config),
    confinement: 'confined',
    grace: 0,
  }
}

function buildLimits({ build: { memory } }: Config): ContainerSpec['limits'] {
  return { memory, cpu: availableParallelism(), pids: 2048, tmp: Math.floor(memory / 2) }
}

/** Volume of an account's package cache. */
export function cacheVolume(host: string, account: string): string {
  return `dormice-${host}-cache-${account}`
}

async function caTar(path: string): Promise<Readable> {
  const tar = pack()
  tar.entry({ name: basename(CA_PATH), mode: 0o644 }, await readFile(path))
  tar.finalize()
  return Readable.from(tar)
}
