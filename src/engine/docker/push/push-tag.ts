import type Docker from 'dockerode'
import { NotFound } from '../../engine.ts'
import { bounded } from '../client.ts'

/** The tags that images have while they are pushed to one of our registries. */
const pattern = /^127\.0\.0\.1:\d+\/dormice-[0-9a-f]{12}:/

/** Name of a host's only repository. */
export const repositoryOf = (host: string) => `dormice-${host}`

/** Tags of an image without those of a push, and without what engines call an image without a tag. */
export function ownTags(tags: readonly string[] | null | undefined): string[] {
  return (tags ?? []).filter(tag => !pattern.test(tag) && tag !== '<none>:<none>')
}

/**
 * Runs while an image has a tag more.
 *
 * @param image an id, of an image that has another tag: the engine removes an image with its last one
 */
export async function withTag<T>(
  docker: Docker,
  image: string,
  repository: string,
  tag: string,
  run: () => Promise<T>,
): Promise<T> {
  await bounded('tag image', 20_000, () => docker.getImage(image).tag({ repo: repository, tag }))
  try {
    return await run()
  } finally {
    await untag(docker, `${repository}:${tag}`)
  }
}

/** Removes the tags that pushes left when a host of the id was killed, where that does not remove the image. */
export async function removeLeftTags(docker: Docker, host: string): Promise<void> {
  const reference = [`127.0.0.1:*/${repositoryOf(host)}`]
  const found = await bounded('list images', 60_000, () => docker.listImages({ filters: { reference } }))
  for (const { RepoTags } of found) {
    for (const tag of RepoTags ?? []) {
      if (pattern.test(tag)) await removeIfNotLast(docker, tag)
    }
  }
}

/** The list shows only the tags that it was filtered by. */
async function removeIfNotLast(docker: Docker, tag: string): Promise<void> {
  const tags = await bounded('look at image', 20_000, () => docker.getImage(tag).inspect()).then(
    image => image.RepoTags,
    error => {
      if (error instanceof NotFound) return []
      throw error
    },
  )
  if (ownTags(tags).length > 0) await untag(docker, tag)
}

async function untag(docker: Docker, tag: string): Promise<void> {
  await bounded('remove tag', 60_000, () => docker.getImage(tag).remove()).catch(error => {
    if (!(error instanceof NotFound)) throw error
  })
}
