import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { bounded } from './client.ts'

const execute = promisify(execFile)
const timeout = 120_000

type Place = { root: string; driver: string }

/** Where engines keep their files; asked once per connection. */
const places = new WeakMap<Docker, Promise<Place>>()

/**
 * Flushes an image's layers to disk: the engine syncs its own metadata, not the files of layers. Only the engine's
 * file system where it is one of ours, not to wait for what others write; else all.
 *
 * @param image its id
 */
export async function flush(docker: Docker, image: string): Promise<void> {
  const { root, driver } = await place(docker)
  // A folder of the name may be another engine's, and where layers lie elsewhere it has no such file.
  const metadata = join(root, 'image', driver, 'imagedb/content', image.replace(':', '/'))
  const isOurs = await access(metadata).then(
    () => true,
    () => false,
  )
  if (isOurs && (await execute('sync', ['-f', join(root, driver)], { timeout }).then(isDone, isNot))) return
  await execute('sync', { timeout })
}

const isDone = () => true
const isNot = () => false

function place(docker: Docker): Promise<Place> {
  const known = places.get(docker)
  if (known) return known
  const asked = bounded('ask the engine about itself', 20_000, () => docker.info()).then(
    ({ DockerRootDir, Driver }): Place => ({ root: DockerRootDir, driver: Driver }),
  )
  places.set(docker, asked)
  asked.catch(() => places.delete(docker))
  return asked
}
