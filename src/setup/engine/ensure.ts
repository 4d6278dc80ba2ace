import { messageOf, Problem } from '../../problem.ts'
import { installEngine } from './install.ts'
import { at, type Machine, thisMachine } from './machine.ts'
import { type Answer, isAtLeast, ping } from './probe.ts'
import { startEngine } from './start.ts'

/** Docker 20.10, the oldest engine that Dormice is tested on. */
const MINIMUM_API = '1.41'
/** Long, because behind systemd's socket the first connection starts the daemon. */
const PING_LIMIT_MS = 20_000

/** An engine that answers. */
export type FoundEngine = {
  /** Where: what `DOCKER_HOST` must be to reach it. */
  dockerHost: string
  /** The engine's version, e.g. `20.10.24`. */
  version: string
  how: 'running' | 'started' | 'installed'
}

/**
 * Finds a container engine, else gets one: the one that `DOCKER_HOST` names, the one at the local socket (the
 * system's, then the user's own rootless one), else Docker from the distribution, installed and started.
 * Docker's contexts play no part. Every step is bounded in time.
 *
 * @param log gets a line for each thing that it does to the machine
 * @throws {Problem} whose one sentence says what to do
 */
export async function ensureEngine(
  log: (line: string) => void,
  machine: Machine = thisMachine(),
): Promise<FoundEngine> {
  const named = machine.env['DOCKER_HOST']
  if (named) return supported(named, await pingNamed(named, machine), 'running')

  const local = `unix://${at(machine, '/var/run/docker.sock')}`
  const system = await tryPing(local)
  if (system.answer) return supported(local, system.answer, 'running')
  const folder = machine.env['XDG_RUNTIME_DIR']
  const own = folder ? `unix://${folder}/docker.sock` : undefined
  const rootless = own ? await tryPing(own) : undefined
  if (own && rootless?.answer) return supported(own, rootless.answer, 'running')
  if (system.failure) throw unavailable(system.failure)

  const installed = await installEngine(machine, log)
  // A package may have started its daemon itself.
  const answer = (await tryPing(local)).answer ?? (await startEngine(machine, local, log))
  return supported(local, answer, installed ? 'installed' : 'started')
}

async function pingNamed(address: string, machine: Machine): Promise<Answer> {
  try {
    return await ping(address, PING_LIMIT_MS, machine.env)
  } catch (error) {
    const remedy =
      error instanceof TypeError
        ? 'accepted are unix:///path, tcp://host:port, http:// and https://'
        : 'start that engine, or unset DOCKER_HOST to use the local one'
    throw unavailable(
      `DOCKER_HOST is "${address}" but no engine answers there (${messageOf(error)}): ${remedy}.`,
    )
  }
}

/** Neither an answer nor a failure: there is nothing at the address. */
async function tryPing(address: string): Promise<{ answer?: Answer; failure?: string }> {
  try {
    return { answer: await ping(address, PING_LIMIT_MS) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return {}
    if (code === 'EACCES' || code === 'EPERM')
      return {
        failure: `This user may not use the engine at ${address}: run \`sudo usermod -aG docker $USER\` and log in again, or run this as root.`,
      }
    return {
      failure: `The engine at ${address} does not answer (${messageOf(error)}): restart it, then repeat.`,
    }
  }
}

function supported(dockerHost: string, { api, version }: Answer, how: FoundEngine['how']): FoundEngine {
  if (isAtLeast(api, MINIMUM_API)) return { dockerHost, version, how }
  throw unavailable(
    `The engine at ${dockerHost} speaks API ${api} and ${MINIMUM_API} is needed: upgrade Docker to 20.10 or newer.`,
  )
}

function unavailable(detail: string): Problem {
  return new Problem({ code: 'engine_unavailable', status: 503, detail })
}
