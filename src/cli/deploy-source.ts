import { createReadStream, statSync } from 'node:fs'
import { basename, extname } from 'node:path'
import type { Readable } from 'node:stream'
import { userPath } from './invocation.ts'
import { count, formatBytes } from './units.ts'
import { UsageError } from './usage-error.ts'

/** What is deployed: a folder or a file of this machine, or an image. */
export type Source = { kind: 'path'; path: string } | { kind: 'image'; reference: string }

/** A source on its way. */
export type Opened = {
  stream: Readable
  type: string
  /** What the host should call a single file. */
  filename: string | undefined
  /** How far it is, given how many bytes are sent: `12 files, 34 kB; 9.1 kB sent`. */
  describe: (sent: number) => string
}

/** @throws {UsageError} when there is nothing at the path */
export function readSource(path: string | undefined, image: string | undefined): Source {
  if (image !== undefined && path !== undefined) {
    throw new UsageError('deploy takes a folder or a file, or --image, not both')
  }
  if (image !== undefined) return { kind: 'image', reference: image }
  const absolute = userPath(path ?? '.')
  const found = statSync(absolute, { throwIfNoEntry: false })
  if (!found)
    throw new UsageError(
      `there is no "${path}" to deploy; accepted: a folder, a file, or --image <reference>`,
    )
  if (!found.isDirectory() && !found.isFile())
    throw new UsageError(`"${path}" is neither a folder nor a file`)
  return { kind: 'path', path: absolute }
}

/** What an app deployed from there could be called: `site` of `./site`, `site.tar.gz` and `registry/site:1.2`. */
export function nameOf(source: Source): string {
  if (source.kind === 'path')
    return basename(source.path).replace(/(\.tar)?\.(gz|tgz|tar|zip|[cm]?[jt]s|py)$/i, '')
  return (source.reference.split('@', 1)[0] ?? '').replace(/^.*\//, '').replace(/:.*$/, '')
}

/**
 * Opens a folder as a tar.gz that is packed while it is read, a file as it is.
 * @param warn gets a line about each thing that is left out unasked
 */
export async function openPath(path: string, warn: (line: string) => void): Promise<Opened> {
  if (!statSync(path).isDirectory()) {
    const { size } = statSync(path)
    const filename = basename(path)
    const describe = (sent: number) => (sent < size ? `${formatBytes(sent)} of ` : '') + formatBytes(size)
    return { stream: createReadStream(path), type: typeOf(filename), filename, describe }
  }
  const { packFolder } = await import('./pack.ts')
  let files = 0
  let bytes = 0
  const stream = packFolder(path, {
    warn,
    progress: done => {
      files = done.files
      bytes = done.bytes
    },
  })
  const describe = (sent: number) =>
    `${count(files, 'file')}, ${formatBytes(bytes)}; ${formatBytes(sent)} sent`
  return { stream, type: 'application/gzip', filename: undefined, describe }
}

function typeOf(filename: string): string {
  if (/\.(tar\.gz|tgz)$/i.test(filename)) return 'application/gzip'
  const types: Record<string, string> = { '.tar': 'application/x-tar', '.zip': 'application/zip' }
  return types[extname(filename).toLowerCase()] ?? 'application/octet-stream'
}
