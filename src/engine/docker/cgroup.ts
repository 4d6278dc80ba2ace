import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'

/* The kernel's memory controller: cgroup-v1/memory.rst and cgroup-v2.rst of its documentation. */

/** Bytes that the kernel is asked for at a time: what is asked for is not ended before it is done. */
const portion = 32 * 1024 * 1024

/** Where the kernel shows processes and cgroups; tests have their own. */
export type Roots = { proc: string; cgroup: string }

const machine: Roots = { proc: '/proc', cgroup: '/sys/fs/cgroup' }

/** Says what a container's `memory.swap.max` was made to be. */
type Created = () => Promise<string>

/** The memory of one container, as far as this process may see and change it. */
export class MemoryGroup {
  readonly #folder: string
  readonly #version: 1 | 2
  /** What `memory.swap.max` is while the container runs, once that is known: `max`, or bytes. */
  #swapMax: string | undefined
  readonly #line = pLimit(1)

  private constructor(folder: string, version: 1 | 2) {
    this.#folder = folder
    this.#version = version
  }

  /** The group of a container where engines usually make it, which saves asking for its process. */
  static async usual(
    id: string,
    { cgroup }: Pick<Roots, 'cgroup'> = machine,
  ): Promise<MemoryGroup | undefined> {
    for (const path of [`docker/${id}`, `system.slice/docker-${id}.scope`]) {
      for (const version of [1, 2] as const) {
        const group = new MemoryGroup(join(cgroup, version === 1 ? 'memory' : '', path), version)
        if ((await group.resident().catch(() => undefined)) !== undefined) return group
      }
    }
    return undefined
  }

  /**
   * Finds the group of a container by its first process; undefined when that cannot be seen from here: the engine runs
   * on another machine, or this host in a container with process ids of its own.
   */
  static async of(
    { id, pid }: { id: string; pid: number },
    { proc, cgroup }: Roots = machine,
  ): Promise<MemoryGroup | undefined> {
    try {
      const groups = await readFile(join(proc, String(pid), 'cgroup'), 'utf8')
      // Elsewhere that id may well be some other process's.
      const paths = groups.split('\n').filter(line => line.includes(id))
      const v1 = paths.map(line => /^\d+:[^:]*\bmemory\b[^:]*:(.*)$/.exec(line)?.[1]).find(Boolean)
      const v2 = paths.map(line => /^0::(.*)$/.exec(line)?.[1]).find(Boolean)
      for (const [version, path] of [
        [1, v1 && join(cgroup, 'memory', v1)],
        [2, v2 && join(cgroup, v2)],
      ] as const) {
        if (!path) continue
        const group = new MemoryGroup(path, version)
        if ((await group.resident().catch(() => undefined)) !== undefined) return group
      }
    } catch {
      // There is no such process.
    }
    return undefined
  }

  /** Bytes in memory, without what the kernel would drop at no cost: files read and not used of late. */
  async resident(): Promise<number> {
    const [used, stat] = await Promise.all([
      this.#read(this.#version === 1 ? 'memory.usage_in_bytes' : 'memory.current'),
      this.#read('memory.stat'),
    ])
    const key = this.#version === 1 ? 'total_inactive_file' : 'inactive_file'
    const inactive = Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
    const bytes = Number(used) - inactive
    if (!Number.isFinite(bytes)) throw new Error(`${this.#folder} tells no number of bytes`)
    return Math.max(bytes, 0)
  }

  /** How often it was to have more than its limit, and the kernel had to take something from it first, or refuse. */
  async limitHits(): Promise<number> {
    if (this.#version === 1) return Number(await this.#read('memory.failcnt'))
    return Number(/^max (\d+)$/m.exec(await this.#read('memory.events'))?.[1] ?? 0)
  }

  /**
   * Has the kernel take out of memory what it can, to swap where there is some.
   *
   * @param signal ends it, where the kernel can be asked for a part at a time
   */
  async reclaim(signal: AbortSignal, created: Created): Promise<void> {
    if (this.#version === 1) return this.#write('memory.force_empty', '0')
    await this.#line(() => this.#raise(signal, created))
    try {
      let left = Number(await this.#read('memory.current'))
      for (; left > 0 && !signal.aborted; left -= portion)
        await this.#write('memory.reclaim', String(Math.min(left, portion)))
    } catch (error) {
      // Not all of it could be taken, which nobody expected.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }

  /**
   * Puts back what {@link reclaim} has changed, also under an earlier run of the host; called once its signal is aborted.
   * What is in swap stays there until it is used.
   */
  async restore(created: Created): Promise<void> {
    if (this.#version === 1) return
    await this.#line(async () => {
      const limit = await this.#limit(created)
      if (limit !== 'max') await this.#write('memory.swap.max', limit)
    })
  }

  /** Where memory and swap together are limited to the memory, no swap at all may be used. */
  async #raise(signal: AbortSignal, created: Created): Promise<void> {
    const limit = await this.#limit(created)
    if (limit !== 'max' && !signal.aborted) await this.#write('memory.swap.max', 'max')
  }

  async #limit(created: Created): Promise<string> {
    if (this.#swapMax === undefined) {
      // A kernel that does not count swap has no such file.
      const now = (await this.#read('memory.swap.max').catch(() => undefined))?.trim()
      // An earlier run of the host may have raised it, and ended before it could put it back.
      this.#swapMax = now === 'max' ? await created() : (now ?? 'max')
    }
    return this.#swapMax
  }

  #read(file: string): Promise<string> {
    return readFile(join(this.#folder, file), 'utf8')
  }

  #write(file: string, value: string): Promise<void> {
    return writeFile(join(this.#folder, file), value)
  }
}
