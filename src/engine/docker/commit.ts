import type Docker from 'dockerode'
import { LRUCache } from 'lru-cache'
import type { Image, Labels } from '../engine.ts'
import { bounded } from './client.ts'
import { flush } from './flush.ts'
import type { Freezer } from './freezer.ts'
import { get, inspect, remove, toImage } from './images.ts'
import { readLabels, writeLabels } from './labels.ts'
import { addMountPoints } from './mount-points.ts'
import { scrub } from './scrub.ts'
import { holdsSecret, secretsOf, withoutSecrets } from './secrets.ts'
import { isUntouched } from './untouched.ts'

/**
 * Commits a container, checks the result and flushes the layers to disk: the engine syncs its own metadata, not the
 * layers' files. Undefined when the disk has nothing that its image has not.
 *
 * The commit itself tells whether something changed: `changes` does not see a file of unchanged size that was
 * written in the second of its layer's (truncated) time, as a database is that is written twice in a second.
 */
export async function commit(
  docker: Docker,
  freezer: Freezer,
  id: string,
  { tag, labels, live = false }: { tag: string; labels: Labels; live?: boolean },
): Promise<Image | undefined> {
  const container = await bounded('look at container', 20_000, () => docker.getContainer(id).inspect())
  if (await isUntouched(container)) return undefined
  const base = bases.get(container.Image) ?? remember(await inspect(docker, container.Image))
  const secrets = secretsOf(container.Config.Labels)
  const make = () => commitOnly(docker, id, tag, labels, withoutSecrets(secrets, base.env))
  const goesOn = live && !(await freezer.isFrozen(id, container.State.Paused ? 'paused' : 'running'))
  const made = await (goesOn ? freezer.whileFrozen(id, make) : make())
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

function layersOf(image: Docker.ImageInspectInfo): number {
  return image.RootFS.Layers?.length ?? 0
}

/** Splits `repo:tag`; a colon before a slash belongs to a registry's port. */
function split(reference: string): [repo: string, tag: string] {
  const colon = reference.lastIndexOf(':')
  return [reference.slice(0, colon), reference.slice(colon + 1)]
}
