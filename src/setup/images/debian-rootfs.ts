import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type Docker from 'dockerode'
import { readProgress } from '../../engine/docker/progress.ts'
import { messageOf, Problem } from '../../problem.ts'
import { SUITE, sourcesList } from './debian-mirror.ts'
import { type MachineApt, machineApt } from './machine-apt.ts'

const run = promisify(execFile)

/** Our own root file system, made of the mirror's packages. */
const BUILT = { repo: 'dormice/debian', tag: SUITE }
const BUILT_ROOTFS = `${BUILT.repo}:${BUILT.tag}`
/** The same from the public registry, preferred when it can be had. */
const PULLED_ROOTFS = 'debian:bookworm-slim'

/** The keys that sign Debian's packages; Ubuntu has them in a package of their own. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Milliseconds without any progress after which a pull is given up. */
const PULL_STALLED_AFTER = 20_000

/** Never needed in a container: left out by dpkg, now and at every later `apt-get install`. */
const LEFT_OUT = ['doc', 'man', 'info', 'locale', 'groff', 'lintian', 'linda']

/**
 * The name of a plain Debian image that is on the engine: one that is there already, else pulled from the public
 * registry, else made here of the Debian mirror's packages.
 * Throws `Problem` 503 `base_unavailable` that says what to do when none of them works.
 */
export async function ensureRootfs(docker: Docker, log: (line: string) => void): Promise<string> {
  for (const reference of [BUILT_ROOTFS, PULLED_ROOTFS]) {
    if (await isPresent(docker, reference)) return reference
  }
  const refused = await pull(docker, PULLED_ROOTFS)
  if (refused === undefined) return PULLED_ROOTFS
  log(`no public image registry (${refused}): making a base from Debian packages, about 20 s`)
  await bootstrap(docker, log)
  return BUILT_ROOTFS
}

async function isPresent(docker: Docker, reference: string): Promise<boolean> {
  try {
    await docker.getImage(reference).inspect()
    return true
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false
    throw error
  }
}

/** Pulls an image; the reason when that did not work, undefined when it did. */
async function pull(docker: Docker, reference: string): Promise<string | undefined> {
  const stalled = new AbortController()
  const timer = setTimeout(() => stalled.abort(), PULL_STALLED_AFTER)
  try {
    const stream = await docker.pull(reference, { abortSignal: stalled.signal })
    await readProgress(stream, () => timer.refresh())
    return undefined
  } catch (error) {
    return stalled.signal.aborted ? 'no progress for 20 s' : oneLine(messageOf(error))
  } finally {
    clearTimeout(timer)
  }
}

async function bootstrap(docker: Docker, log: (line: string) => void): Promise<void> {
  await ensureMmdebstrap(log)
  const { rootfs, ended } = mmdebstrap(machineApt())
  // Imported without a name: a file system that ended early must never pass for the base.
  let id: string | undefined
  const broken = new AbortController()
  try {
    const body = new PassThrough()
    const sent = pipeline(rootfs, body).catch(error => broken.abort(error))
    const progress = await docker.importImage(body, { abortSignal: broken.signal })
    await sent
    await readProgress(progress, ({ status }) => {
      if (status?.startsWith('sha256:')) id = status
    })
    await ended
  } catch (error) {
    // The bootstrap's own words explain a broken import better than the import's.
    const cause = await ended.then(
      () => error,
      (reason: unknown) => reason,
    )
    if (id !== undefined) await docker.getImage(id).remove({ force: true })
    throw baseProblem(
      `Debian ${SUITE} could not be installed from ${machineApt().mirror.main}: ${oneLine(messageOf(cause))}; ` +
        'see that this mirror is reachable and run again',
      cause,
    )
  }
  if (id === undefined) throw baseProblem('the engine imported the base but did not name it; run again')
  await docker.getImage(id).tag(BUILT)
}

/** Starts mmdebstrap; `ended` rejects with its last words when it fails. Its temporary folder is its own to clean. */
function mmdebstrap({ mirror, options }: MachineApt): { rootfs: Readable; ended: Promise<void> } {
  const child = spawn(
    'mmdebstrap',
    [
      '--variant=minbase',
      '--format=tar',
      '--include=ca-certificates,tzdata',
      `--keyring=${KEYRING}`,
      ...LEFT_OUT.map(folder => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      ...options.map(option => `--aptopt=${option.replace(/;$/, '')}`),
      SUITE,
      '-',
      ...sourcesList(mirror),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-8192)
  })
  const ended = once(child, 'close').then(([code]) => {
    if (code === 0) return
    const telling = said.split('\n').findLast(line => /^E: |^Err:/.test(line))
    throw new Error(telling ?? `mmdebstrap ended with ${code}`)
  })
  ended.catch(() => child.stdout.destroy())
  return { rootfs: child.stdout, ended }
}

async function ensureMmdebstrap(log: (line: string) => void): Promise<void> {
  if (existsSync(KEYRING) && (await works('mmdebstrap', ['--version']))) return
  const packages = ['mmdebstrap', 'debian-archive-keyring']
  if (!(await works('apt-get', ['--version'])) || process.getuid?.() !== 0) {
    throw baseProblem(
      `no public image registry can be reached and ${packages.join(' or ')} is not installed: ` +
        `install it (apt-get install ${packages.join(' ')}) or load an image named ${PULLED_ROOTFS}`,
    )
  }
  log(`installing ${packages.join(' and ')}`)
  const install = ['install', '--yes', '--no-install-recommends', ...packages]
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    // A source of the machine that has nothing to do with this may be broken: the install decides.
    await run('apt-get', ['update'], { env }).catch(() => {})
    await run('apt-get', install, { env })
  } catch (error) {
    throw baseProblem(
      `\`apt-get ${install.join(' ')}\` failed: ${lastError(error)}; make that command work and run again`,
      error,
    )
  }
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, args)
    return true
  } catch {
    return false
  }
}

function lastError(error: unknown): string {
  const stderr = (error as { stderr?: string }).stderr ?? ''
  return stderr.split('\n').findLast(line => line.startsWith('E: ')) ?? oneLine(messageOf(error))
}

function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ')
}

function baseProblem(detail: string, cause?: unknown): Problem {
  return new Problem({
    code: 'base_unavailable',
    status: 503,
    detail: `The runtimes' base image is missing: ${detail}`,
    cause,
  })
}
