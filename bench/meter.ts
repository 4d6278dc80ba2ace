import { readdir, readFile } from 'node:fs/promises'
import Docker from 'dockerode'
import { Memory } from '../src/engine/docker/memory.ts'
import type { TestHost } from '../test/support/host.ts'

/** Bytes that a host takes with all that it runs. */
export type Taken = {
  /** What its apps' and its sandboxes' containers have, as the keeper counts it. */
  instances: number
  sandboxes: number
  /** Proportional set sizes: what is shared with others counts in parts. */
  shims: number
  host: number
  /** Of the four. */
  total: number
  /** The host process's resident set. */
  resident: number
}

/** Measures what a host takes. It is not free, and is done beside what is measured: what can be known is kept. */
export class Meter {
  readonly #docker = new Docker()
  readonly #host: TestHost
  readonly #id: string
  /** Process ids of shims, by the container that each is for. */
  #shims = new Map<string, string>()

  /** @param host one that runs */
  constructor(host: TestHost) {
    this.#host = host
    this.#id = host.id
  }

  /** @throws {Error} where it cannot be seen: the engine is on another machine, or this is not root */
  async take(): Promise<Taken> {
    const label = [`dormice.host=${this.#id}`]
    const found = await this.#docker.listContainers({ filters: { label } })
    const containers = found.map(({ Id }) => Id)
    const [memory, own, resident] = await Promise.all([
      new Memory(this.#docker).of(containers),
      proportional(this.#host.pid),
      residentSet(this.#host.pid),
      this.#findShims(containers),
    ])
    if (own === undefined || (containers.length > 0 && memory.size + this.#shims.size === 0))
      throw new Error(
        'what the host and its containers have in memory cannot be seen: that needs Linux and root',
      )
    const held = (isSandbox: boolean) =>
      sum(
        found
          .filter(({ Labels }) => (Labels['dormice.role'] === 'sandbox') === isSandbox)
          .map(({ Id }) => memory.get(Id) ?? 0),
      )
    const ofShims = await Promise.all([...this.#shims.values()].map(proportional))
    const parts = {
      instances: held(false),
      sandboxes: held(true),
      shims: sum(ofShims.map(bytes => bytes ?? 0)),
      host: own,
    }
    return { ...parts, total: sum(Object.values(parts)), resident }
  }

  /** Each container is run by a process of containerd's, which has its id among its arguments. */
  async #findShims(containers: readonly string[]): Promise<void> {
    const known = this.#shims
    this.#shims = new Map(containers.flatMap(id => (known.has(id) ? [[id, known.get(id) ?? '']] : [])))
    if (this.#shims.size === containers.length) return
    const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
    await Promise.all(
      pids.map(async pid => {
        const [program = '', ...args] = (await read(`/proc/${pid}/cmdline`)).split('\0')
        const container = args[args.indexOf('-id') + 1] ?? ''
        if (program.includes('containerd-shim') && containers.includes(container))
          this.#shims.set(container, pid)
      }),
    )
  }
}

export function megabytes(bytes: number): number {
  return bytes / 1e6
}

/** Undefined when there is no such process, or it is not to be looked at. See proc_pid_smaps(5). */
async function proportional(pid: number | string): Promise<number | undefined> {
  return kilobytes(await read(`/proc/${pid}/smaps_rollup`), 'Pss')
}

async function residentSet(pid: number): Promise<number> {
  return kilobytes(await read(`/proc/${pid}/status`), 'VmRSS') ?? 0
}

function kilobytes(text: string, field: string): number | undefined {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]
  return found === undefined ? undefined : Number(found) * 1024
}

/** Empty where it cannot be read: processes end. */
function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
