import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { LRUCache } from 'lru-cache'
import type { Engine, Image, Labels } from '../engine.ts'
import { BuildFailed, EngineUnavailable, NotFound, PullFailed } from '../engine.ts'
import { bounded, engineError, reasonOf, statusOf } from './client.ts'
import { flush } from './flush.ts'
import { whileFrozen } from './freeze.ts'
import { ownedBy, readLabels, writeLabels } from './labels.ts'
import { addMountPoints } from './mount-points.ts'
import { buildNetworkName } from './network.ts'
import { linesOf, ProgressError, readProgress } from './progress.ts'
import { ownTags } from './push/push-tag.ts'
import { scrub } from './scrub.ts'
import { holdsSecret, secretsOf, withoutSecrets } from './secrets.ts'

export async function get(docker: Docker, reference: string): Promise<Image> {
  return toImage(await inspect(docker, reference))
}

function toImage(info: Docker.ImageInspectInfo): Image {
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
  return found.map(info => ({
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

/**
 * Commits a container, checks the result and flushes the layers to disk: the engine syncs its own metadata, not the
 * layers' files. Undefined when the disk has nothing that its image has not.
 *
 * The commit itself tells whether something changed: `changes` does not see a file of unchanged size that was
 * written in the second of its layer's (truncated) time, as a database is that is written twice in a second.
 */
export async function commit(
  docker: Docker,
  id: string,
  { tag, labels, live = false }: { tag: string; labels: Labels; live?: boolean },
): Promise<Image | undefined> {
  const container = await bounded('look at container', 20_000, () => docker.getContainer(id).inspect())
  const base = bases.get(container.Image) ?? remember(await inspect(docker, container.Image))
  const secrets = secretsOf(container.Config.Labels)
  const make = () => commitOnly(docker, id, tag, labels, withoutSecrets(secrets, base.env))
  const made = await (live && !container.State.Paused ? whileFrozen(docker, id, make) : make())
  const [committed] = await Promise.all([inspect(docker, made), flush(docker, made)])
  if (layersOf(committed) === base.layers) {
    await remove(docker, tag)
    return undefined
  }
  const image = holdsSecret(committed, container.Config.Env, secrets)
    ? await scrubbed(docker, committed, tag)
    : committed
  remember(image)
  check(image, tag, labels, base.layers + 1)
  return toImage(image)
}

/** What a commit has to know of a container's image; an image never changes, so it is asked for once. */
type Base = { layers: number; env: readonly string[] }

const bases = new LRUCache<string, Base>({ max: 1_000 })

function remember(image: Docker.ImageInspectInfo): Base {
  const base = { layers: layersOf(image), env: image.Config?.Env ?? [] }
  bases.set(image.Id, base)
  return base
}

async function scrubbed(
  docker: Docker,
  committed: Docker.ImageInspectInfo,
  tag: string,
): Promise<Docker.ImageInspectInfo> {
  await scrub(docker, committed, tag)
  const image = await inspect(docker, tag)
  await flush(docker, image.Id)
  return image
}

/** @throws {Error} the image is not what was asked for */
function check(image: Docker.ImageInspectInfo, tag: string, labels: Labels, layers: number): void {
  if (layersOf(image) !== layers) {
    throw new Error(`commit of ${tag}: ${layersOf(image)} layers where ${layers} are right`)
  }
  if (!image.RepoTags?.includes(tag)) throw new Error(`commit of ${tag}: the image has not the tag`)
  const { host, generation } = readLabels(image.Config?.Labels)
  if (host !== labels.host || generation !== labels.generation) {
    throw new Error(`commit of ${tag}: its labels are not the ones given`)
  }
}

/** Commits a container that never ran, with what the engine would add to its disk at its first start. */
export async function seal(
  docker: Docker,
  id: string,
  { tag, labels }: { tag: string; labels: Labels },
): Promise<Image> {
  await addMountPoints(docker, id)
  const made = await commitOnly(docker, id, tag, labels, [])
  const [image] = await Promise.all([get(docker, tag), flush(docker, made)])
  return image
}

/** The id of the image it makes. */
async function commitOnly(
  docker: Docker,
  id: string,
  tag: string,
  labels: Labels,
  env: readonly string[],
): Promise<string> {
  const [repo, name] = split(tag)
  const changes = [
    ...env,
    ...Object.entries(writeLabels(labels)).map(([key, value]) => `LABEL "${key}"="${value}"`),
  ]
  // Whether it is paused is not left to the engine, which goes on when that fails. And dockerode would send the
  // options as query and body both; the body is the image's whole config.
  const options = { _query: { container: id, repo, tag: name, pause: false, changes }, _body: {} }
  const { Id } = await bounded('commit container', 10 * 60_000, () =>
    docker.getContainer(id).commit(options as object),
  )
  return Id
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

function layersOf(image: Docker.ImageInspectInfo): number {
  return image.RootFS.Layers?.length ?? 0
}

/** Splits `repo:tag`; a colon before a slash belongs to a registry's port. */
function split(reference: string): [repo: string, tag: string] {
  const colon = reference.lastIndexOf(':')
  return [reference.slice(0, colon), reference.slice(colon + 1)]
}
