import { Problem } from '../../problem.ts'
import { findCommand, type Machine, run, textAt } from './machine.ts'

const UPDATE_LIMIT_MS = 180_000
const INSTALL_LIMIT_MS = 300_000
/** Nothing may ask a question or restart what else runs on the machine. */
const UNATTENDED = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' }

/**
 * Installs what a Docker daemon needs from the distribution, as far as it is missing.
 *
 * @returns whether anything had to be installed
 * @throws {Problem} `engine_missing` this system or this user cannot install it; `engine_install_failed`
 */
export async function installEngine(machine: Machine, log: (line: string) => void): Promise<boolean> {
  const packages = missingPackages(machine)
  if (packages.length === 0) return false
  if (!isDebian(machine)) {
    if (!packages.includes('docker.io')) return false
    throw missing(
      'No container engine answers, and Docker installs by itself only on Debian and Ubuntu: ' +
        'install and start Docker 20.10 or newer (https://docs.docker.com/engine/install), or set DOCKER_HOST.',
    )
  }
  const asRoot = await rootPrefix(machine)
  if (!asRoot) {
    throw missing(
      `${packages.join(' and ')} must be installed and this user may not do it: run this once as root, ` +
        `or run \`apt-get install ${packages.join(' ')}\` as root first.`,
    )
  }

  // `env` because sudo drops the environment.
  const settings = Object.entries(UNATTENDED).map(([key, value]) => `${key}=${value}`)
  const asked = [...asRoot, 'env', ...settings]
  const apt = [...asked, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2']
  log('apt-get update')
  const updated = await run(machine, [...apt, 'update'], { timeout: UPDATE_LIMIT_MS })
  log(`apt-get install ${packages.join(' ')}`)
  const install = () =>
    run(machine, [...apt, 'install', '-y', '--no-install-recommends', ...packages], {
      timeout: INSTALL_LIMIT_MS,
    })
  let installed = await install()
  if (!installed.ok) {
    // What an interrupted earlier run left half-configured makes every later one fail until this.
    await run(machine, [...asked, 'dpkg', '--configure', '-a'], { timeout: INSTALL_LIMIT_MS })
    installed = await install()
  }
  if (installed.ok) return true
  const reason = updated.ok ? installed.lastLine : `${updated.lastLine}; ${installed.lastLine}`
  throw new Problem({
    code: 'engine_install_failed',
    status: 503,
    detail: `\`apt-get install ${packages.join(' ')}\` failed (${reason}): check that this machine reaches its Debian mirror, then repeat.`,
  })
}

/** The command prefix that makes the user root: none for root, sudo where it asks nothing; undefined: it cannot. */
export async function rootPrefix(machine: Machine): Promise<readonly string[] | undefined> {
  if (machine.uid === 0) return []
  const sudo = findCommand(machine, 'sudo')
  if (!sudo) return undefined
  const { ok } = await run(machine, [sudo, '-n', 'true'], { timeout: 10_000 })
  return ok ? [sudo, '-n'] : undefined
}

function missingPackages(machine: Machine): string[] {
  const packages: string[] = []
  if (!findCommand(machine, 'dockerd')) packages.push('docker.io')
  if (!findCommand(machine, 'iptables')) packages.push('iptables')
  if (packages.includes('docker.io')) packages.push('ca-certificates')
  return packages
}

function isDebian(machine: Machine): boolean {
  const release = textAt(machine, '/etc/os-release') ?? ''
  const families = release.matchAll(/^ID(?:_LIKE)?=(.*)$/gm)
  return [...families].some(([, value = '']) => /\b(debian|ubuntu)\b/.test(value))
}

function missing(detail: string): Problem {
  return new Problem({ code: 'engine_missing', status: 503, detail })
}
