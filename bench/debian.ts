import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { findCommand, run, thisMachine } from '../src/setup/engine/machine.ts'

/** A command of a Debian package: the one that is installed, or one taken out of the package. */
export type Found = { path: string; env: Record<string, string> }
export type Absent = { absent: string }

const limit = 120_000

/**
 * Finds a command, from its Debian package where it is not installed. The package is only downloaded and unpacked
 * into the user's cache, with the libraries that are missing: to install it would start a server on this machine's
 * port 80, and would need root.
 *
 * @param say told that packages are being downloaded
 */
export async function fromDebian(
  command: string,
  packageName: string,
  say: (line: string) => void,
): Promise<Found | Absent> {
  const machine = thisMachine()
  const installed = findCommand(machine, command)
  if (installed) return { path: installed, env: {} }
  const unpacked = await unpackDebian(packageName, say)
  if ('absent' in unpacked) return unpacked
  const { root } = unpacked
  const path = ['usr/sbin', 'usr/bin'].map(folder => join(root, folder, command)).find(existsSync)
  if (path === undefined) return { absent: `package ${packageName} has no ${command}` }
  return { path, env: await libraryPath(root) }
}

/** The folder that a Debian package was unpacked to, with what of its dependencies is not installed. */
export async function unpackDebian(
  packageName: string,
  say: (line: string) => void,
): Promise<{ root: string } | Absent> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dormice', 'bench')
  const root = join(cache, packageName)
  if (existsSync(root)) return { root }
  const problem = await unpack(packageName, cache, root, say)
  return problem === undefined ? { root } : { absent: `package ${packageName}: ${problem}` }
}

/** What lets programs find the libraries that were unpacked with them. */
export async function libraryPath(root: string): Promise<Record<string, string>> {
  const libraries = (await readdir(join(root, 'usr/lib')).catch(() => []))
    .filter(name => name.endsWith('-linux-gnu'))
    .map(name => join(root, 'usr/lib', name))
  return libraries.length === 0 ? {} : { LD_LIBRARY_PATH: libraries.join(':') }
}

/** Downloads a package with what of its dependencies is missing and unpacks all to `root`; says what went wrong. */
async function unpack(
  packageName: string,
  cache: string,
  root: string,
  say: (line: string) => void,
): Promise<string | undefined> {
  const machine = thisMachine()
  const apt = findCommand(machine, 'apt-get')
  if (!apt) return 'not installed, and there is no apt-get to get it with'
  say(`downloading the Debian package ${packageName}`)
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'unpacking-'))
  try {
    await mkdir(join(work, 'archives', 'partial'), { recursive: true })
    await mkdir(join(work, 'root'))
    const options = [
      `Dir::Cache::archives=${join(work, 'archives')}/`,
      'Debug::NoLocking=1',
      'Acquire::Retries=2',
    ]
    // Root's apt downloads as another user, who may not write here.
    if (machine.uid === 0) options.push('APT::Sandbox::User=root')
    const aptGet = (more: readonly string[], command: readonly string[]) =>
      run(machine, [apt, '-qq', '-y', ...[...options, ...more].flatMap(each => ['-o', each]), ...command], {
        timeout: limit,
      })
    const install = ['--no-install-recommends', '--download-only', 'install', packageName]
    let got = await aptGet([], install)
    if (!got.ok) {
      // A new machine knows of no packages, an old one of some that are gone; lists of our own need no root.
      await mkdir(join(work, 'lists', 'partial'), { recursive: true })
      const lists = [
        `Dir::State::lists=${join(work, 'lists')}/`,
        'Dir::Cache::pkgcache=',
        'Dir::Cache::srcpkgcache=',
      ]
      const updated = await aptGet(lists, ['update'])
      if (updated.ok) got = await aptGet(lists, install)
    }
    if (!got.ok) return `apt-get could not download it (${got.lastLine})`
    const packages = (await readdir(join(work, 'archives'))).filter(name => name.endsWith('.deb'))
    for (const file of packages) {
      const from = join(work, 'archives', file)
      const unpacked = await run(machine, ['dpkg-deb', '-x', from, join(work, 'root')], { timeout: limit })
      if (!unpacked.ok) return `${file} could not be unpacked (${unpacked.lastLine})`
    }
    await rename(join(work, 'root'), root).catch(error => {
      // Another process was faster.
      if (!existsSync(root)) throw error
    })
    return undefined
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
