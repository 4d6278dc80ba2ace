import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Change, Container, ContainerState, Exit, LogLine } from '../engine.ts'
import { CannotStart, NotFound } from '../engine.ts'
import { bounded, engineError, reasonOf, statusOf } from './client.ts'
import { readFrames } from './frames.ts'
import type { Freezer } from './freezer.ts'
import { ownedBy, readLabels } from './labels.ts'
import { withoutMountPoints } from './mount-points.ts'
import { networkName } from './network.ts'
import { containerOptions, limitsOf, sandboxAddress, sandboxOf } from './spec.ts'

/** For the arguments see {@link containerOptions}. */
export async function create(docker: Docker, ...how: Parameters<typeof containerOptions>): Promise<string> {
  const options = containerOptions(...how)
  const made = await bounded('create container', 30_000, () => docker.createContainer(options))
  return made.id
}

export async function run(docker: Docker, id: string): Promise<void> {
  await bounded('start container', 60_000, () => docker.getContainer(id).start()).catch(error => {
    const status = statusOf(error)
    if (status !== 400 && status !== 500) throw error
    throw new CannotStart(reasonOf(error), { cause: error })
  })
}

export async function stop(docker: Docker, freezer: Freezer, id: string, grace: number): Promise<void> {
  const container = docker.getContainer(id)
  const send = () => bounded('stop container', (grace + 30) * 1000, () => container.stop({ t: grace }))
  // A frozen one never gets the signal.
  await freezer.letGo(id)
  try {
    await send()
  } catch (error) {
    // 304: it is not running.
    if (statusOf(error) === 304) return
    const { State } = await inspect(docker, id)
    if (!State.Paused) throw error
    await freezer.unpause(id)
    await send().catch(again => {
      if (statusOf(again) !== 304) throw again
    })
  }
}

/** Resolves when the container has ended; not bounded in time, ends with the signal. */
export async function wait(docker: Docker, id: string, signal?: AbortSignal): Promise<Exit> {
  await docker
    .getContainer(id)
    .wait({ abortSignal: signal })
    .catch(error => {
      throw engineError('wait for container', error)
    })
  return exitOf(await inspect(docker, id))
}

export async function remove(docker: Docker, id: string): Promise<void> {
  await bounded('remove container', 60_000, () =>
    docker.getContainer(id).remove({ force: true, v: true }),
  ).catch(async error => {
    if (error instanceof NotFound) return
    // 409: another caller is removing it; done when it is gone.
    if (statusOf(error) !== 409) throw error
    await untilRemoved(docker, id)
  })
}

async function untilRemoved(docker: Docker, id: string): Promise<void> {
  await bounded('remove container', 60_000, () =>
    docker.getContainer(id).wait({ condition: 'removed' }),
  ).catch(error => {
    if (!(error instanceof NotFound)) throw error
  })
}

export async function get(docker: Docker, freezer: Freezer, id: string): Promise<Container> {
  const info = await inspect(docker, id)
  const state = await toState(freezer, info.Id, info.State.Status)
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    state,
    labels: readLabels(info.Config.Labels),
    image: info.Config.Image,
    address: await address(),
    limits: limitsOf(info.HostConfig),
  }

  async function address(): Promise<string | undefined> {
    const sandbox = sandboxOf(info.HostConfig.NetworkMode)
    if (sandbox === undefined) return addressOf(info)
    if (state !== 'running' && state !== 'paused') return undefined
    return (await isRunning(docker, sandbox)) ? sandboxAddress(info.Config.Labels) : undefined
  }
}

/** Where a container that has a network of its own is reached; undefined while it does not run. */
export function addressOf(info: Docker.ContainerInspectInfo): string | undefined {
  return info.NetworkSettings.Networks[networkName]?.IPAddress || undefined
}

export async function list(docker: Docker, freezer: Freezer, host: string): Promise<Container[]> {
  const found = await bounded('list containers', 30_000, () =>
    docker.listContainers({ all: true, filters: ownedBy(host) }),
  )
  const running = new Set(found.filter(({ State }) => State === 'running').map(({ Id }) => Id))
  const address = (info: Docker.ContainerInfo) => {
    const sandbox = sandboxOf(info.HostConfig.NetworkMode)
    if (sandbox === undefined) return info.NetworkSettings?.Networks[networkName]?.IPAddress || undefined
    const isUp = info.State === 'running' || info.State === 'paused'
    return isUp && running.has(sandbox) ? sandboxAddress(info.Labels) : undefined
  }
  return Promise.all(
    found
      .filter(({ Labels }) => readLabels(Labels).role !== 'sandbox')
      .map(async info => ({
        id: info.Id,
        name: (info.Names[0] ?? '').replace(/^\//, ''),
        state: await toState(freezer, info.Id, info.State),
        labels: readLabels(info.Labels),
        image: info.Image,
        address: address(info),
      })),
  )
}

/** Whether a container runs; false when there is none. */
export function isRunning(docker: Docker, id: string): Promise<boolean> {
  return inspect(docker, id).then(
    ({ State }) => State.Running,
    error => {
      if (error instanceof NotFound) return false
      throw error
    },
  )
}

export async function changes(docker: Docker, id: string): Promise<Change[]> {
  const kinds = ['changed', 'added', 'deleted'] as const
  // Where nothing changed the engine answers `null`, which dockerode hands on as the answer's bytes.
  const found: { Path: string; Kind: number }[] | Buffer = await bounded('list changes', 120_000, () =>
    docker.getContainer(id).changes(),
  )
  if (!Array.isArray(found)) return []
  return withoutMountPoints(found.map(({ Path, Kind }) => ({ path: Path, kind: kinds[Kind] ?? 'changed' })))
}

/** Bounded by the upload's own limits times a slow disk, not tightly: it streams. */
export async function put(docker: Docker, id: string, path: string, tar: Readable): Promise<void> {
  try {
    await Promise.race([
      bounded('write files', 30 * 60_000, () => docker.getContainer(id).putArchive(tar, { path })),
      new Promise<never>((_, reject) => tar.once('error', reject)),
    ])
  } finally {
    tar.destroy()
  }
}

export async function* logs(
  docker: Docker,
  id: string,
  {
    since,
    follow = false,
    tail,
    signal,
  }: { since?: number; follow?: boolean; tail?: number; signal?: AbortSignal },
): AsyncGenerator<LogLine> {
  const query = {
    stdout: true,
    stderr: true,
    timestamps: true,
    ...(since === undefined ? {} : { since: since / 1000 }),
    ...(tail === undefined ? {} : { tail }),
  }
  const container = docker.getContainer(id)
  if (follow) {
    const stream = (await bounded('read log', 20_000, () =>
      container.logs({ ...query, follow: true, abortSignal: signal }),
    )) as Readable
    try {
      yield* readFrames(stream)
    } catch (error) {
      if (!signal?.aborted) throw engineError('read log', error)
    } finally {
      stream.destroy()
    }
  } else {
    const all = await bounded('read log', 60_000, () => container.logs({ ...query, follow: false }))
    yield* readFrames(toIterable(Buffer.from(all)))
  }
}

async function* toIterable(buffer: Buffer): AsyncGenerator<Buffer> {
  yield buffer
}

/** One that is just being removed is looked at afterwards: until then it has ended, and keeps its name from others. */
export async function inspect(docker: Docker, id: string): Promise<Docker.ContainerInspectInfo> {
  const look = () => bounded('look at container', 20_000, () => docker.getContainer(id).inspect())
  const info = await look()
  if (info.State.Status !== 'removing') return info
  await untilRemoved(docker, id)
  return look()
}

function exitOf({ State }: Docker.ContainerInspectInfo): Exit {
  return { code: State.ExitCode, oomKilled: State.OOMKilled }
}

/** @param status as the engine says, which does not know of all that are frozen */
async function toState(freezer: Freezer, id: string, status: string): Promise<ContainerState> {
  if (status === 'running' || status === 'paused')
    return (await freezer.isFrozen(id, status)) ? 'paused' : 'running'
  return status === 'created' ? status : 'exited'
}
