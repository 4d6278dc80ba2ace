import { execFile } from 'node:child_process'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { messageOf } from '../../problem.ts'
import type { Image, Labels, Limits } from '../engine.ts'
import { BuildFailed, EngineUnavailable, NotFound, PullFailed } from '../engine.ts'
import { bounded, statusOf } from './client.ts'
import { networkName } from './network.ts'
import { ownedBy, readLabels, writeLabels } from './labels.ts'
import { ProgressError, readProgress } from './progress.ts'

export async function get(docker: Docker, reference: string): Promise<Image> {
  const info = await bounded('look at image', 20_000, () => docker.getImage(reference).inspect())
  const config = info.Config ?? {}
  return {
    id: info.Id,
    tags: info.RepoTags ?? [],
    labels: readLabels(config.Labels),
    size: info.Size,
    layers: info.RootFS.Layers?.length ?? 0,
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
    tags: (info.RepoTags ?? []).filter(tag => tag !== '<none>:<none>'),
    labels: readLabels(info.Labels),
  }))
}

export async function remove(docker: Docker, reference: string): Promise<void> {
  await bounded('remove image', 120_000, () => docker.getImage(reference).remove()).catch(error => {
    if (!(error instanceof NotFound)) throw error
  })
}

/**
 * Commits a stopped container, checks the result and flushes the file systems to disk: the engine syncs its
 * own metadata, not the layer's files.
 */
export async function commit(
  docker: Docker,
  id: string,
  { tag, labels, secrets }: { tag: string; labels: Labels; secrets: readonly string[] },
): Promise<Image> {
  const container = docker.getContainer(id)
  const base = (await bounded('look at container', 20_000, () => container.inspect())).Image
  const [repo, name] = split(tag)
  const changes = [
    ...secrets.map(key => `ENV ${key}=`),
    ...Object.entries(writeLabels(labels)).map(([key, value]) => `LABEL "${key}"="${value}"`),
  ]
  // dockerode would send the options as query and body both; the body is the image's whole config.
  const query = { container: id, repo, tag: name, pause: false, changes }
  await bounded('commit container', 10 * 60_000, () =>
    container.commit({ _query: query, _body: {} } as object),
  )
  const [image, before] = await Promise.all([get(docker, tag), get(docker, base)])
  if (image.layers !== before.layers + 1) {
    throw new Error(`commit of ${tag}: ${image.layers} layers where ${before.layers + 1} were expected`)
  }
  if (image.labels.host !== labels.host || image.labels.generation !== labels.generation) {
    throw new Error(`commit of ${tag}: its labels are not the ones given`)
  }
  await flush()
  return image
}

export async function pull(docker: Docker, reference: string, log: (line: string) => void): Promise<Image> {
  try {
    return await get(docker, reference)
  } catch (error) {
    if (!(error instanceof NotFound)) throw error
  }
  try {
    const stream = await bounded(`pull ${reference}`, 60_000, () => docker.pull(reference))
    await readProgress(stream as Readable, log)
  } catch (error) {
    if (error instanceof EngineUnavailable) throw error
    throw new PullFailed(
      `${reference} is not on the engine and could not be pulled: ${messageOf(error).trim()}`,
    )
  }
  return get(docker, reference)
}

export async function build(
  docker: Docker,
  tar: Readable,
  options: {
    tag: string
    labels: Labels
    limits: Limits
    args?: Record<string, string>
    log: (line: string) => void
    signal?: AbortSignal
  },
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
      buildargs: options.args ?? {},
      networkmode: networkName,
      forcerm: true,
      ...(options.signal ? { abortSignal: options.signal } : {}),
    })
    await readProgress(stream as Readable, options.log)
  } catch (error) {
    if (error instanceof ProgressError || statusOf(error) === 400)
      throw new BuildFailed(messageOf(error).trim())
    throw error
  } finally {
    tar.destroy()
  }
  return get(docker, options.tag)
}

/** Splits `repo:tag`; a colon before a slash belongs to a registry's port. */
function split(reference: string): [repo: string, tag: string] {
  const colon = reference.lastIndexOf(':')
  return [reference.slice(0, colon), reference.slice(colon + 1)]
}

const execute = promisify(execFile)

async function flush(): Promise<void> {
  await execute('sync', { timeout: 120_000 })
}
