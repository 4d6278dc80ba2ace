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
