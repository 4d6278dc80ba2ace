import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { NotFound } from '../../engine.ts'
import { bounded } from '../client.ts'
import { inspect } from '../images.ts'
import { load } from '../load.ts'
import { type Machine, pauseProgram } from './pause-program.ts'

/**
 * Makes sure that the engine has the image of what holds a sandbox: one file. Hosts on one engine share it.
 *
 * @returns its tag; undefined where the engine's machine is none that the program is written for
 */
export async function ensureSandboxImage(docker: Docker): Promise<string | undefined> {
  const { Arch, Os } = await bounded('ask for version', 20_000, () => docker.version())
  if (!isMachine(Arch) || Os !== 'linux') return undefined
  const archive = pack()
  archive.entry({ name: 'pause', mode: 0o555, mtime: new Date(0) }, pauseProgram(Arch))
  archive.finalize()
  const tar = await buffer(archive)
  const digest = createHash('sha256').update(tar).digest('hex')
  const tag = `dormice/sandbox:${digest.slice(0, 12)}`
  if (await isThere(docker, tag)) return tag
  const layer = `sha256:${digest}`
  const gzip = gzipSync(tar)
  const config = JSON.stringify({ architecture: Arch, os: Os, config: { Entrypoint: ['/pause'] } })
  const source = {
    has: (id: string) => id === layer,
    size: () => gzip.length,
    open: () => Readable.from([gzip]),
  }
  await load(docker, { manifest: { config, layers: [layer] }, labels: {}, tag }, 0, source)
  return tag
}

function isMachine(name: string): name is Machine {
  return name === 'amd64' || name === 'arm64'
}

async function isThere(docker: Docker, tag: string): Promise<boolean> {
  return inspect(docker, tag).then(
    () => true,
    error => {
      if (error instanceof NotFound) return false
      throw error
    },
  )
}
