import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { Engine, Image } from '../engine.ts'
import { BuildFailed, EngineUnavailable, NotFound, PullFailed } from '../engine.ts'
import { bounded, engineError, reasonOf, statusOf } from './client.ts'
import { isProbe, ownedBy, readLabels, writeLabels } from './labels.ts'
import { buildNetworkName } from './network.ts'
import { linesOf, ProgressError, readProgress } from './progress.ts'
import { ownTags } from './push/push-tag.ts'

export async function get(docker: Docker, reference: string): Promise<Image> {
  return toImage(await inspect(docker, reference))
}

/** An image from everything that the engine says of it. */
export function toImage(info: Docker.ImageInspectInfo): Image {
  const config = info.Config ?? {}
  return {
    id: info.Id,
    tags: ownTags(info.RepoTags),
    labels: readLabels(config.Labels),
    size: info.Size,
    layers: info.RootFS.Layers ?? [],
    ports: Object.keys(config.ExposedPorts ?? {})
      .filter(port => port.endsWith('/tcp'))
      .map(port => Number.parseInt(port, 10))
      .sort((a, b) => a - b),
    volumes: Object.keys(config.Volumes ?? {}),
    command: [...[config.Entrypoint ?? []].flat(), ...(config.Cmd ?? [])],
  }
}

export async function list(docker: Docker, host: string): Promise<Pick<Image, 'id' | 'tags' | 'labels'>[]> {
  const found = await bounded('list images', 60_000, () => docker.listImages({ filters: ownedBy(host) }))
  // What a host that was killed left of trying the engine out goes with the next try.
  const own = found.filter(info => !isProbe(info.Labels))
  return own.map(info => ({
    id: info.Id,
    tags: ownTags(info.RepoTags),
    labels: readLabels(info.Labels),
  }))
}

/**
 * Removes a tag, or an image with all of its tags. One that later images were committed on top of cannot go before
 * them: it loses its tags, and goes with the last of those.
 */
export async function remove(docker: Docker, reference: string): Promise<void> {
  const one = (name: string) =>
    bounded('remove image', 120_000, () => docker.getImage(name).remove()).catch(error => {
      if (!(error instanceof NotFound)) throw error
    })
  if (!reference.startsWith('sha256:')) return one(reference)
  const tags = await inspect(docker, reference).then(
    image => image.RepoTags ?? [],
    error => {
      if (error instanceof NotFound) return undefined
      throw error
    },
  )
  if (!tags) return
  for (const tag of tags) await one(tag)
  if (tags.length > 0) return
  await one(reference).catch(error => {
    if (statusOf(error) !== 409) throw error
  })
}

/** Bounded by the signal alone: the engine answers when it has found a registry, and then it takes what it takes. */
export async function pull(
  docker: Docker,
  reference: string,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<Image> {
  try {
    return await get(docker, reference)
  } catch (error) {
    if (!(error instanceof NotFound)) throw error
  }
  try {
    const stream = await docker.pull(reference, signal ? { abortSignal: signal } : {})
    await readProgress(stream, progress => linesOf(progress).forEach(log))
  } catch (thrown) {
    const error = engineError(`pull ${reference}`, thrown)
    if (error instanceof EngineUnavailable) throw error
    throw new PullFailed(`${reference} is not on the engine and could not be pulled: ${reasonOf(thrown)}`)
  }
  return get(docker, reference)
}

export async function build(
  docker: Docker,
  tar: Readable,
  options: Parameters<Engine['build']>[1],
): Promise<Image> {
  const { limits } = options
  try {
    const stream = await docker.buildImage(tar, {
      t: options.tag,
      labels: writeLabels(options.labels),
      memory: limits.memory,
      memswap: limits.memory,
      cpuperiod: 100_000,
      cpuquota: Math.round(limits.cpu * 100_000),
      networkmode: buildNetworkName,
      forcerm: true,
      ...(options.signal ? { abortSignal: options.signal } : {}),
    })
    await readProgress(stream, progress => linesOf(progress).forEach(options.log))
  } catch (error) {
    if (error instanceof ProgressError || statusOf(error) === 400) throw new BuildFailed(reasonOf(error))
    throw engineError('build image', error)
  }
  return get(docker, options.tag)
}

/** Everything the engine says of an image. */
export function inspect(docker: Docker, reference: string): Promise<Docker.ImageInspectInfo> {
  return bounded('look at image', 20_000, () => docker.getImage(reference).inspect())
}
