import type Docker from 'dockerode'
import pLimit from 'p-limit'
import type { Pressure } from '../engine.ts'
import type { Cgroup } from './cgroup.ts'
import { Cgroups } from './cgroups.ts'
import { inspect } from './containers.ts'
import { MemoryGroup } from './memory-group.ts'
import { machinePressure } from './pressure.ts'
import { swapMaxOf } from './spec.ts'

/** What writing says to a user who may not: frozen containers keep their memory then. */
const forbidden = new Set(['EACCES', 'EPERM', 'EROFS'])

/** The memory of containers, through the kernel rather than the engine, which has no call for what is done here. */
export class Memory {
  readonly #docker: Docker
  /** The kernel takes its time, and each keeps one of the few threads that files are read by. */
  readonly #line = pLimit(2)
  readonly #cgroups: Cgroups
  readonly #groups = new WeakMap<Cgroup, MemoryGroup>()
  /** A container was found on this machine: then the engine runs on it. */
  #isHere = false

  constructor(docker: Docker, cgroups = new Cgroups(docker)) {
    this.#docker = docker
    this.#cgroups = cgroups
  }

  /** See `Engine.memory`. */
  async of(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>()
    await Promise.all(
      ids.map(async id => {
        const bytes = await (await this.#group(id).catch(() => undefined))?.resident().catch(() => undefined)
        if (bytes !== undefined) found.set(id, bytes)
      }),
    )
    this.#isHere ||= found.size > 0
    return found
  }

  /** See `Engine.limitHits`. */
  async limitHits(id: string): Promise<number | undefined> {
    const group = await this.#group(id).catch(() => undefined)
    return group?.limitHits().catch(() => undefined)
  }

  /** See `Engine.pressure`. */
  async pressure(): Promise<Pressure | undefined> {
    return this.#isHere ? machinePressure() : undefined
  }

  /** See `Engine.reclaim`. */
  async reclaim(id: string, signal: AbortSignal): Promise<number | undefined> {
    const group = await this.#group(id)
    if (group === undefined) return undefined
    try {
      await this.#line(async () => {
        signal.throwIfAborted()
        await group.reclaim(signal, () => this.#swapMax(id))
      })
    } catch (error) {
      if (forbidden.has(String((error as { code?: unknown }).code))) return undefined
      throw error
    }
    return group.resident()
  }

  /** A frozen container is to go on. */
  async thaws(id: string): Promise<void> {
    await (await this.#group(id))?.restore(() => this.#swapMax(id))
  }

  async #swapMax(id: string): Promise<string> {
    return swapMaxOf((await inspect(this.#docker, id)).HostConfig)
  }

  async #group(id: string): Promise<MemoryGroup | undefined> {
    const cgroup = await this.#cgroups.of(id)
    if (cgroup === undefined) return undefined
    const group = this.#groups.get(cgroup) ?? new MemoryGroup(cgroup)
    this.#groups.set(cgroup, group)
    return group
  }
}
