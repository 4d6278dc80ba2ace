import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../paths.ts'
import { notedUrl } from '../store/noted-url.ts'
import { isClone, userPath } from './invocation.ts'
import { UsageError } from './usage-error.ts'

/** Where a host on this machine is when nothing is set. */
export const USUAL_URL = 'http://dormice.localhost:8080'

type Environment = Readonly<Record<string, string | undefined>>

/** Which host the CLI talks to, and as whom. */
export type Target = {
  url: URL
  /** Undefined when there is none to be found. */
  token: string | undefined
  /** Where the token is from, or would be: `DORMICE_TOKEN`, or a file's path, with why it cannot be read. */
  tokenFrom: string
  /** A host on this machine that is elsewhere than where we look for want of `DORMICE_URL`. */
  noted?: { url: string; folder: string } | undefined
}

/**
 * Reads the host's address and the token from the environment, else from where a host on this machine leaves it.
 * @throws {UsageError} when `DORMICE_URL` is no address
 */
export function readTarget(env: Environment = process.env): Target {
  const url = parseUrl(env['DORMICE_URL'] || USUAL_URL)
  const noted = env['DORMICE_URL'] ? undefined : findNoted(dataFolders(env))
  if (env['DORMICE_TOKEN'])
    return { url, noted, token: env['DORMICE_TOKEN'].trim(), tokenFrom: 'DORMICE_TOKEN' }
  let tokenFrom = ''
  for (const folder of dataFolders(env)) {
    const file = join(folder, 'admin-token')
    try {
      return { url, noted, token: readFileSync(file, 'utf8').trim(), tokenFrom: file }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why = code === 'EACCES' ? ', which this user may not read' : ''
      if (why || !tokenFrom) tokenFrom = file + why
    }
  }
  return { url, noted, token: undefined, tokenFrom }
}

function findNoted(folders: readonly string[]): Target['noted'] {
  return folders
    .map(folder => ({ url: notedUrl(folder), folder }))
    .find(({ url }) => url !== USUAL_URL && /^https?:$/.test(URL.parse(url)?.protocol ?? ''))
}

/** Where a host on this machine may keep its data, the likeliest first; absolute. */
export function dataFolders(env: Environment = process.env): string[] {
  if (env['DORMICE_DATA']) return [userPath(env['DORMICE_DATA'])]
  const system = '/var/lib/dormice'
  return isClone() ? [join(packageRoot, 'data'), system] : [system]
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new UsageError(
    `DORMICE_URL="${text}" is not valid; accepted: the host’s address, e.g. "${USUAL_URL}"`,
  )
}
