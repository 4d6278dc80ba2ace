import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { runtimeImages } from '../../src/setup/images/runtime-images.ts'
import { killProcesses, processesNaming } from './processes.ts'
import { SmallDisk, unmountUnder } from './small-disk.ts'

/**
 * A Docker daemon of a test's own, for what must not happen to the machine's: to be killed, or to run out of disk. It
 * keeps clear of the machine's daemon: sockets, folders and containerd are its own, its default bridge is one that the
 * machine's daemon made for it, and it makes no rule of a packet filter. The runtime of Node is on it, and stands in
 * for the others.
 */
export class PrivateEngine implements AsyncDisposable {
  /** Why this machine cannot have one, for a test's `skip`; false where it can. */
  static readonly impossible: string | false = reasonAgainst()

  readonly #folder: string
  /** The file system that it stores on, if it has one of its own. */
  readonly disk: SmallDisk | undefined
  /** Client of it; fails while it is down. */
  readonly docker: Docker
  /** Containers go on while it is down and are still its own when it is back; without, its start ends them. */
  liveRestore = false
  #daemon: ChildProcess | undefined
  readonly #bridge = new LentBridge()

  private constructor(disk: SmallDisk | undefined) {
    this.#folder = mkdtempSync(join(tmpdir(), 'dormice-engine-'))
    this.disk = disk
    mkdirSync(this.#at('tmp'))
    writeFileSync(this.#at('daemon.json'), '{}')
    this.docker = new Docker({ socketPath: this.#at('docker.sock') })
  }

  /**
   * Starts one and gives it the runtime; ~5 s.
   *
   * @param disk MB of a file system of its own for everything that it stores; without, it shares the machine's
   */
  static async start({ disk }: { disk?: number } = {}): Promise<PrivateEngine> {
    const engine = new PrivateEngine(disk === undefined ? undefined : await SmallDisk.mount(disk))
    try {
      await engine.#bridge.make()
      await engine.start()
      await engine.#takeRuntime()
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
    return engine
  }

  /** What `DOCKER_HOST` has to be to reach it. */
  get address(): string {
    return `unix://${this.#at('docker.sock')}`
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    // Right after a kill the first start can end with "timeout waiting for containerd"; the second succeeds.
    for (const last of [false, true]) {
      const daemon = this.#spawn()
      this.#daemon = daemon
      while (!hasEnded(daemon)) {
        if (
          await this.docker.ping().then(
            () => true,
            () => false,
          )
        )
          return
        await sleep(20)
      }
      if (last) throw new Error(`dockerd ended:\n${readFileSync(this.#at('log'), 'utf8').slice(-2_000)}`)
    }
  }

  /**
   * Kills the daemon and its containerd at once, as a crash of it does. Processes in containers go on, unless
   * `containers` says that they are killed too, as by a loss of power.
   */
  async kill({ containers = false }: { containers?: boolean } = {}): Promise<void> {
    await this.#end('SIGKILL')
    if (containers) await killProcesses(processesNaming(this.#folder))
  }

  /** Ends the daemon in good order. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { docker } = this
    this.disk?.empty()
    // Only it knows which bridges are its own.
    if (!this.#daemon || hasEnded(this.#daemon)) await this.start().catch(() => undefined)
    const made = await docker.listContainers({ all: true }).catch(() => [])
    await Promise.all(
      made.map(({ Id }) =>
        docker
          .getContainer(Id)
          .remove({ force: true })
          .catch(() => undefined),
      ),
    )
    const networks = await docker.listNetworks({ filters: { type: ['custom'] } }).catch(() => [])
    await Promise.all(
      networks.map(({ Id }) =>
        docker
          .getNetwork(Id)
          .remove()
          .catch(() => undefined),
      ),
    )
    await this.stop()
    await killProcesses(processesNaming(this.#folder))
    await unmountUnder(this.#folder)
    await this.disk?.[Symbol.asyncDispose]()
    await this.#bridge[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #at(name: string): string {
    return join(this.#folder, name)
  }

  #spawn(): ChildProcess {
    // Of processes that were killed; their numbers may belong to others by now.
    for (const file of ['pid', 'exec/containerd/containerd.pid']) rmSync(this.#at(file), { force: true })
    const log = openSync(this.#at('log'), 'a')
    try {
      return spawn(
        'dockerd',
        [
          `--config-file=${this.#at('daemon.json')}`,
          `--host=${this.address}`,
          `--data-root=${this.disk ? join(this.disk.path, 'root') : this.#at('root')}`,
          `--exec-root=${this.#at('exec')}`,
          `--pidfile=${this.#at('pid')}`,
          // Told to have none, or address pools of its own, it would delete the bridge of the usual name: the other's.
          `--bridge=${this.#bridge.name}`,
          // The chains of the packet filter have one name on a machine: making them would empty the other daemon's.
          ...['--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'],
          `--live-restore=${this.liveRestore}`,
        ],
        // What it unpacks meanwhile needs no room on its small disk.
        { env: { ...process.env, DOCKER_TMPDIR: this.#at('tmp') }, stdio: ['ignore', log, log] },
      )
    } finally {
      closeSync(log)
    }
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = undefined
    if (!daemon || hasEnded(daemon)) return
    const ended = new Promise(resolve => daemon.once('exit', resolve))
    daemon.kill(signal)
    await ended
    // It dies with its daemon, and is a child of it: this only waits until it has.
    const containerd = processesNaming(this.#at('exec/containerd/containerd.toml'))
    await killProcesses(containerd)
  }

  /** The other runtimes are only looked for: a host that misses one would build it. */
  async #takeRuntime(): Promise<void> {
    const { node, ...others } = runtimeImages()
    await readAll(await this.docker.loadImage(await new Docker().getImage(node).get()))
    for (const reference of [node, ...Object.values(others)]) {
      const [repo = '', tag = ''] = reference.split(':')
      for (const name of [tag, 'latest']) await this.docker.getImage(node).tag({ repo, tag: name })
    }
  }
}

/** A bridge that the machine's daemon makes, for another one to use. */
class LentBridge implements AsyncDisposable {
  /** Of the interface: 15 characters at most. */
  readonly name = `dormice-${randomBytes(3).toString('hex')}`
  #network: Docker.Network | undefined

  async make(): Promise<void> {
    this.#network = await new Docker().createNetwork({
      Name: this.name,
      Driver: 'bridge',
      Options: { 'com.docker.network.bridge.name': this.name },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#network?.remove()
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

async function readAll(stream: NodeJS.ReadableStream): Promise<void> {
  let said = ''
  for await (const chunk of stream) said += chunk
  if (said.includes('"error"')) throw new Error(`the runtime could not be loaded: ${said}`)
}

function reasonAgainst(): string | false {
  if (process.platform !== 'linux') return 'needs a Docker daemon of its own, so Linux'
  if (process.getuid?.() !== 0) return 'needs a Docker daemon of its own, so root'
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  if (!folders.some(folder => existsSync(join(folder, 'dockerd')))) return 'needs the program dockerd'
  return false
}
