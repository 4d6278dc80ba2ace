import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TlsShape } from '../api/shapes.ts'
import { messageOf } from '../problem.ts'
import { comparesFiles, isAtLeast, ping } from '../setup/engine/probe.ts'
import { judgeCertificates } from './certificates.ts'
import { Client } from './client.ts'
import { startHost } from './invocation.ts'
import { adviseOnMemory } from './memory-advice.ts'
import { dataFolders } from './target.ts'
import { formatBytes } from './units.ts'

/** One thing that was looked at. `detail` of a failed one says what to do. */
export type Check = { name: string; result: 'ok' | 'failed' | 'skipped'; detail: string }

type Verdict = Omit<Check, 'name'>

const NODE_MAJOR = 24
const ENGINE_API = '1.41'
const ENGINE_LIMIT_MS = 5_000
const HOST_LIMIT_MS = 5_000
/** A runtime image and a few releases; less soon fails a build. */
const LOW_DISK = 2e9
const NO_DISK = 500e6

/** Looks at everything that Dormice needs on this machine and at its host. Never throws. */
export async function runChecks(env = process.env): Promise<Check[]> {
  const check = async (name: string, look: () => Verdict | Promise<Verdict>): Promise<Check> => {
    try {
      return { name, ...(await look()) }
    } catch (error) {
      return { name, result: 'failed', detail: messageOf(error) }
    }
  }
  const host = await check('host', checkHost)
  const token = await check('token', () =>
    host.result === 'ok' ? checkToken() : skipped('the host does not answer'),
  )
  return Promise.all([
    check('node', checkNode),
    check('engine', () => checkEngine(env)),
    host,
    token,
    check('https', () => (token.result === 'ok' ? checkHttps() : skipped('the host has to be asked'))),
    check('data', () => checkData(findData(env))),
    check('disk', () => checkDisk(findData(env))),
    check('memory', checkMemory),
  ])
}

function checkNode(): Verdict {
  const { node } = process.versions
  return Number.parseInt(node, 10) >= NODE_MAJOR
    ? ok(node)
    : failed(`${node}, and ${NODE_MAJOR} or newer is needed: install it from https://nodejs.org`)
}

async function checkEngine(env: NodeJS.ProcessEnv): Promise<Verdict> {
  const own = env['XDG_RUNTIME_DIR']
  const local = ['unix:///var/run/docker.sock', ...(own ? [`unix://${own}/docker.sock`] : [])]
  const addresses = env['DOCKER_HOST'] ? [env['DOCKER_HOST']] : local
  const problems: string[] = []
  for (const address of addresses) {
    try {
      const { version, api } = await ping(address, ENGINE_LIMIT_MS, env)
      if (!isAtLeast(api, ENGINE_API))
        return failed(`Docker ${version} at ${address} is too old: 20.10 or newer is needed`)
      if (await comparesFiles(address, ENGINE_LIMIT_MS, env)) {
        return failed(
          `Docker ${version} at ${address} compares times and sizes to find what an app wrote ("Native Overlay Diff: false" in \`docker info\`), and so can lose a file written twice within a second: put its data on a file system of which overlayfs can use all, or load the overlay module with redirect_dir=off metacopy=off`,
        )
      }
      return ok(`Docker ${version} at ${address.replace(/^unix:\/\//, '')}`)
    } catch (error) {
      problems.push(`${address}: ${messageOf(error)}`)
    }
  }
  const remedy = env['DOCKER_HOST']
    ? 'start that engine or unset DOCKER_HOST'
    : `\`${startHost()}\` finds or installs one`
  return failed(`none answers (${problems.join('; ')}); ${remedy}`)
}

async function checkHost(): Promise<Verdict> {
  const client = new Client()
  const { version } = await client.get<{ version?: string }>('/healthz', { patience: HOST_LIMIT_MS })
  // Where the host sends everything else on to HTTPS, this is answered all the same.
  await client.get('/v1/apps', { patience: HOST_LIMIT_MS }).catch(error => {
    if (error.code === 'not_a_dormice_host') throw error
  })
  return ok(`Dormice ${version ?? '?'} at ${client.target.url.origin}`)
}

async function checkToken(): Promise<Verdict> {
  const client = new Client()
  await client.get('/v1/apps', { patience: HOST_LIMIT_MS })
  return ok(`accepted, from ${client.target.tokenFrom}`)
}

async function checkHttps(): Promise<Verdict> {
  const tls = await new Client().get<TlsShape>('/v1/tls', { patience: HOST_LIMIT_MS })
  if (tls.mode === 'off') return skipped('DORMICE_TLS is off')
  return judgeCertificates(tls, Date.now())
}

/** Nothing that a stranger may read or put there: the token, the database with the apps' secrets. */
function checkData(folder: string): Verdict {
  const found = statSync(folder, { throwIfNoEntry: false })
  if (!found) return skipped(`${folder} is made at the first start`)
  if (!found.isDirectory()) return failed(`${folder} is not a folder; set DORMICE_DATA to one`)
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return skipped(`${folder} belongs to another user, the host’s`)
  }
  if ((found.mode & 0o022) !== 0) return failed(`other users can write to it: chmod go-w ${folder}`)
  const closed = (found.mode & 0o077) === 0
  const open = closed ? [] : PRIVATE.map(name => join(folder, name)).filter(isOpen)
  return open.length === 0 ? ok(folder) : failed(`other users can read it: chmod go= ${open.join(' ')}`)
}

const PRIVATE = ['admin-token', 'key', 'dormice.db', 'dormice.db-wal', 'layers', 'tls']

function isOpen(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0
}

async function checkDisk(data: string): Promise<Verdict> {
  const folder = nearest(data)
  const folders = [folder, ...(existsSync('/var/lib/docker') ? ['/var/lib/docker'] : [])]
  const frees = await Promise.all(folders.map(async path => ({ path, free: await freeBytes(path) })))
  const least = frees.reduce((a, b) => (b.free < a.free ? b : a))
  const text = `${formatBytes(least.free)} free at ${least.path}`
  if (least.free < NO_DISK) return failed(`${text}: builds and snapshots will fail; free some space`)
  return ok(least.free < LOW_DISK ? `${text}, which is little` : text)
}

/** No fault of the machine, whatever it is. */
function checkMemory(): Verdict {
  if (process.platform !== 'linux') return skipped('the engine’s machine is another one')
  const groups = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'].find(existsSync) ?? '/sys/fs/cgroup'
  const asks = isWritable(groups)
  const tells = existsSync('/proc/pressure/memory')
  return ok(adviseOnMemory({ swaps: readFileSync('/proc/swaps', 'utf8'), asks, tells }))
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}

/** The data folder that is there, else the one that would be made. */
function findData(env: NodeJS.ProcessEnv): string {
  const folders = dataFolders(env)
  return folders.find(folder => existsSync(folder)) ?? folders[0] ?? '.'
}

function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder))
}

const ok = (detail: string): Verdict => ({ result: 'ok', detail })
const failed = (detail: string): Verdict => ({ result: 'failed', detail })
const skipped = (detail: string): Verdict => ({ result: 'skipped', detail })
