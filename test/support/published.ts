import Docker from 'dockerode'
import { request } from 'undici'

const docker = new Docker()

/** What a host in the shape that users get, package or image, answered. */
export type Answer = { status: number; body: string }

/** A visitor's request to an app of the host on this port of this machine. */
export function visit(port: number, app: string): Promise<Answer> {
  return ask(port, app, '/', {})
}

/** A call of the control API on this port, as the admin; the body, if any, is an upload. */
export function call(
  { port, token }: { port: number; token: string },
  method: 'GET' | 'POST',
  path: string,
  body?: Buffer,
): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` }
  return ask(port, 'dormice', path, { method, headers, ...(body ? { body } : {}) })
}

async function ask(
  port: number,
  app: string,
  path: string,
  options: { method?: 'GET' | 'POST'; headers?: Record<string, string>; body?: Buffer },
): Promise<Answer> {
  const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, {
    ...options,
    headers: { ...options.headers, host: `${app}.localhost` },
  })
  return { status: statusCode, body: await body.text() }
}

/** Ids of the containers that a host owns, in any state. */
export async function containersOf(host: string): Promise<string[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [`dormice.host=${host}`] } })
  return found.map(({ Id }) => Id)
}

/** Tags of the images that a host owns. */
export async function imagesOf(host: string): Promise<string[]> {
  const found = await docker.listImages({ filters: { label: [`dormice.host=${host}`] } })
  return found.flatMap(({ RepoTags }) => RepoTags ?? [])
}

/** Removes everything that a host left on the engine, by label. */
export async function removeAllOf(host: string): Promise<void> {
  for (const id of await containersOf(host)) await docker.getContainer(id).remove({ force: true, v: true })
  await removeImages(`dormice.host=${host}`)
}

/** Removes the images with a label; newest first, as an image with children cannot go before them. */
export async function removeImages(label: string): Promise<void> {
  const images = await docker.listImages({ filters: { label: [label] } })
  for (const { Id } of images.sort((a, b) => b.Created - a.Created)) {
    await docker
      .getImage(Id)
      .remove({ force: true })
      .catch(() => undefined)
  }
}
