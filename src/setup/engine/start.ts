import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem } from '../../problem.ts'
import { rootPrefix } from './install.ts'
import { at, findCommand, lastLineOf, type Machine, run, textAt } from './machine.ts'
import { type Answer, ping } from './probe.ts'

const LOG = '/var/log/dormice-dockerd.log'
const PID_FILE = '/var/run/docker.pid'
const CONTAINERD_PID_FILE = '/var/run/docker/containerd/containerd.pid'
const SYSTEMD_LIMIT_MS = 90_000
const POLL_MS = 50

/**
 * Starts the installed Docker daemon, with systemd where that runs, else by hand: in the background, on
 * beyond the life of this process. Resolves when it answers at `address`.
 *
 * @param limit ms that a daemon may take until it answers
 * @throws {Problem} `engine_start_failed`
 */
export async function startEngine(
  machine: Machine,
  address: string,
  log: (line: string) => void,
  limit: number = 60_000,
): Promise<Answer> {
  if (existsSync(at(machine, '/run/systemd/system')))
    return await startWithSystemd(machine, address, log, limit)
  if (machine.uid !== 0)
    throw failed('Docker is installed but does not run: start it (`sudo dockerd`), or run this as root.')
  requireCgroups(machine)

  let reason = ''
  // Right after a kill, the first start can end with "timeout waiting for containerd"; the second succeeds.
  for (const attempt of [1, 2]) {
    const other = await waitForOther(machine, address, log, limit)
    if (other) return other
    clearStalePid(machine, CONTAINERD_PID_FILE, 'containerd')
    log(attempt === 1 ? 'starting dockerd' : `dockerd ended (${reason}); starting it once more`)
    const result = await startByHand(machine, address, limit)
    if (typeof result !== 'string') return result
    reason = result
  }
  throw failed(`dockerd does not start (${reason}): see ${LOG}, then repeat.`)
}

async function startWithSystemd(
  machine: Machine,
  address: string,
  log: (line: string) => void,
  limit: number,
): Promise<Answer> {
  const asRoot = await rootPrefix(machine)
  if (!asRoot)
    throw failed('Docker is installed but does not run: run `sudo systemctl start docker`, then repeat.')
  log('systemctl start docker')
  const start = [...asRoot, 'systemctl', 'start', 'docker']
  let started = await run(machine, start, { timeout: SYSTEMD_LIMIT_MS })
  if (!started.ok) {
    log(`systemctl start docker failed (${started.lastLine}); once more`)
    started = await run(machine, start, { timeout: SYSTEMD_LIMIT_MS })
  }
  const answer = started.ok ? await waitForAnswer(address, limit) : undefined
  if (answer) return answer
  const reason = started.ok ? `no answer within ${limit / 1000} s` : started.lastLine
  throw failed(`systemd does not start Docker (${reason}): see \`journalctl -u docker -n 30\`, then repeat.`)
}

/** Resolves with the daemon's answer, or with why it ended; throws when it does neither. */
async function startByHand(machine: Machine, address: string, limit: number): Promise<Answer | string> {
  const path = at(machine, LOG)
  mkdirSync(dirname(path), { recursive: true })
  const before = existsSync(path) ? statSync(path).size : 0
  const file = openSync(path, 'a', 0o640)
  const daemon = spawn(findCommand(machine, 'dockerd') ?? 'dockerd', [], {
    detached: true,
    stdio: ['ignore', file, file],
    env: machine.env,
  })
  closeSync(file)
  let ended = false
  const end = () => {
    ended = true
  }
  daemon.on('exit', end).on('error', end)
  const answer = await waitForAnswer(address, limit, () => ended)
  daemon.unref()
  if (answer) return answer
  if (!ended) {
    daemon.kill()
    throw failed(`dockerd does not answer within ${limit / 1000} s of its start: see ${LOG}, then repeat.`)
  }
  const said = lastLineOf(readFileSync(path).subarray(before).toString())
  return said.slice(-300) || 'it said nothing'
}

/**
 * Resolves with the answer of a daemon that somebody else started a moment ago, with undefined when there is
 * none, or none any more: one that was just killed is still seen for a moment.
 */
async function waitForOther(
  machine: Machine,
  address: string,
  log: (line: string) => void,
  limit: number,
): Promise<Answer | undefined> {
  const pid = runningDaemon(machine)
  if (pid === undefined) return undefined
  log(`waiting for dockerd, process ${pid}`)
  const answer = await waitForAnswer(address, limit, () => runningDaemon(machine) === undefined)
  if (answer || runningDaemon(machine) === undefined) return answer
  throw failed(
    `dockerd runs as process ${pid} but does not answer at ${address}: end it (\`kill ${pid}\`), then repeat.`,
  )
}

/** The engine's answer, undefined when `limit` ms passed or the daemon has ended without one. */
async function waitForAnswer(
  address: string,
  limit: number,
  hasEnded: () => boolean = () => false,
): Promise<Answer | undefined> {
  const deadline = Date.now() + limit
  while (Date.now() < deadline && !hasEnded()) {
    try {
      return await ping(address, Math.min(5000, deadline - Date.now()))
    } catch {
      await sleep(POLL_MS)
    }
  }
  return undefined
}

/** The process of a daemon that runs already; a pid file that names anything else is removed, as it blocks a start. */
function runningDaemon(machine: Machine): number | undefined {
  clearStalePid(machine, PID_FILE, 'dockerd')
  const pid = Number.parseInt(textAt(machine, PID_FILE) ?? '', 10)
  return Number.isNaN(pid) ? undefined : pid
}

/** After a kill or a reboot the process is gone, or its number belongs to something else by now. */
function clearStalePid(machine: Machine, path: string, command: string): void {
  const pid = textAt(machine, path)?.trim()
  if (pid === undefined) return
  const [, name, state] = /\((.*)\) (\S)/.exec(textAt(machine, `/proc/${pid}/stat`) ?? '') ?? []
  // A zombie is a process that ended and that nobody waits for, as happens where PID 1 is no init.
  if (name === command && state !== 'Z' && state !== 'X') return
  rmSync(at(machine, path), { force: true })
}

/** The daemon's own complaint about missing cgroups names no remedy. */
function requireCgroups(machine: Machine): void {
  if (existsSync(at(machine, '/sys/fs/cgroup/cgroup.controllers'))) return
  const mounts = textAt(machine, '/proc/mounts') ?? ''
  if (/ cgroup \S*\bmemory\b/.test(mounts)) return
  throw failed(
    'Docker needs control groups and none are mounted: run `apt-get install cgroupfs-mount && cgroupfs-mount` ' +
      'as root (inside a container: start that one privileged), then repeat.',
  )
}

function failed(detail: string): Problem {
  return new Problem({ code: 'engine_start_failed', status: 503, detail })
}
