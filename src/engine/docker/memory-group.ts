import pLimit from 'p-limit'
import type { Cgroup } from './cgroup.ts'

/** Bytes that the kernel is asked for at a time: what is asked for is not ended before it is done. */
const portion = 32 * 1024 * 1024

/** Says what a container's `memory.swap.max` was made to be. */
type Created = () => Promise<string>

/** The memory of one container, as far as this process may see and change it. */
export class MemoryGroup {
  readonly #cgroup: Cgroup
  /** What `memory.swap.max` is while the container runs, once that is known: `max`, or bytes. */
  #swapMax: string | undefined
  readonly #line = pLimit(1)

  constructor(cgroup: Cgroup) {
    this.#cgroup = cgroup
  }

  /** Bytes in memory, without what the kernel would drop at no cost: files read and not used of late. */
  async resident(): Promise<number> {
    const [used, stat] = await Promise.all([
      this.#read(this.#isFirst ? 'memory.usage_in_bytes' : 'memory.current'),
      this.#read('memory.stat'),
    ])
    const key = this.#isFirst ? 'total_inactive_file' : 'inactive_file'
    const inactive = Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
    const bytes = Number(used) - inactive
    if (!Number.isFinite(bytes)) throw new Error('the kernel tells no number of bytes')
    return Math.max(bytes, 0)
  }

  /** How often it was to have more than its limit, and the kernel had to take something from it first, or refuse. */
  async limitHits(): Promise<number> {
    if (this.#isFirst) return Number(await this.#read('memory.failcnt'))
    return Number(/^max (\d+)$/m.exec(await this.#read('memory.events'))?.[1] ?? 0)
  }

  /**
   * Has the kernel take out of memory what it can, to swap where there is some.
   *
   * @param signal ends it, where the kernel can be asked for a part at a time
   */
  async reclaim(signal: AbortSignal, created: Created): Promise<void> {
    if (this.#isFirst) return this.#write('memory.force_empty', '0')
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
    if (this.#isFirst) return
    await this.#line(async () => {
      const limit = await this.#limit(created)
      if (limit !== 'max') await this.#write('memory.swap.max', limit)
    })
  }

  get #isFirst(): boolean {
    return this.#cgroup.version === 1
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
    return this.#cgroup.read('memory', file)
  }

  #write(file: string, value: string): Promise<void> {
    return this.#cgroup.write('memory', file, value)
  }
}
