import type Docker from 'dockerode'
import { messageOf } from '../../../problem.ts'
import { bounded } from '../client.ts'
import * as containers from '../containers.ts'
import { ownedBy, readLabels } from '../labels.ts'
import { ensureNetwork, networkName } from '../network.ts'
import { type Sandbox, sandboxOf, sandboxOptions } from '../spec.ts'
import { ensureSandboxImage } from './image.ts'
import { Pool, type PoolSize } from './pool.ts'

/** How often the pool is brought to its size, ms. */
const tendInterval = 10_000

export type SandboxesOptions = PoolSize & {
  /** Something that is tried again went wrong. */
  failed: (what: string, error: string) => void
}

/**
 * Network namespaces that lie ready, each held by a container that does nothing: setting one up takes the engine
 * longer than all else of a start. An instance joins one, and it goes with the instance.
 */
export class Sandboxes implements AsyncDisposable {
  readonly #docker: Docker
  readonly #host: string
  readonly #options: SandboxesOptions
  readonly #pool: Pool<Sandbox>
  /** Ids of sandboxes by the container that is in them. */
  readonly #used = new Map<string, string>()
  #image: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(docker: Docker, host: string, options: SandboxesOptions) {
    this.#docker = docker
    this.#host = host
    this.#options = options
    this.#pool = new Pool({
      ...options,
      make: () => this.#make(),
      discard: ({ id }) => this.#discard(id),
      failed: error => options.failed('sandbox_not_made', messageOf(error)),
      now: () => performance.now(),
      calm: 300,
    })
  }

  get counts(): { ready: number; misses: number } {
    return this.#pool.counts
  }

  /** Removes what an earlier run left and nobody uses, and has sandboxes ready from now on. */
  async begin(): Promise<void> {
    if (this.#timer !== undefined) return
    if (this.#options.max === 0) return this.#clear().catch(error => this.#notCleared(error))
    this.#timer = setInterval(() => this.#pool.tend(), tendInterval).unref()
    try {
      this.#image = await ensureSandboxImage(this.#docker)
      if (this.#image === undefined) return this.#pool[Symbol.asyncDispose]()
      await this.#clear()
    } catch (error) {
      this.#notCleared(error)
    }
    this.#pool.open()
  }

  /**
   * Starts a container, in a sandbox if one is ready.
   *
   * @param start given no sandbox it is to start without; called once more without one that has gone
   */
  async into<T extends { id: string }>(start: (sandbox: Sandbox | undefined) => Promise<T>): Promise<T> {
    return this.#pool.during(async () => {
      const sandbox = this.#pool.take()
      if (sandbox === undefined) return start(undefined)
      try {
        const started = await start(sandbox)
        this.#used.set(started.id, sandbox.id)
        return started
      } catch (error) {
        const stood = await containers.isRunning(this.#docker, sandbox.id).catch(() => true)
        void this.#drop(sandbox.id)
        if (stood) throw error
      }
      return start(undefined)
    })
  }

  /** A container is gone, and what it was in is not needed any more. */
  left(container: string): void {
    const sandbox = this.#used.get(container)
    this.#used.delete(container)
    if (sandbox !== undefined) void this.#drop(sandbox)
  }

  /** A sandbox has ended. @returns the container that was in it, which nobody can reach any more */
  died(sandbox: string): string | undefined {
    this.#pool.drop(({ id }) => id === sandbox)
    const [container] = [...this.#used].find(([, used]) => used === sandbox) ?? []
    void this.#drop(sandbox)
    return container
  }

  /** The engine may have been away: forgets those that are not there any more. */
  async check(): Promise<void> {
    try {
      // Asked for before: what is made meanwhile is not in the list.
      const ready = this.#pool.ready
      const used = [...this.#used.keys()]
      const { all, running } = await this.#found()
      const gone = new Set(ready.filter(({ id }) => !running.has(id)))
      this.#pool.drop(one => gone.has(one))
      for (const { id } of gone) if (all.has(id)) void this.#drop(id)
      // Somebody has removed the container.
      for (const container of used) if (!all.has(container)) this.left(container)
    } catch (error) {
      this.#options.failed('sandboxes_not_looked_at', messageOf(error))
    }
  }

  /** Removes those that are ready; what instances are in stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#pool[Symbol.asyncDispose]()
  }

  async #make(): Promise<Sandbox> {
    await ensureNetwork(this.#docker, networkName)
    // `docker image prune -a` takes it while none is there.
    this.#image ??= await ensureSandboxImage(this.#docker)
    if (this.#image === undefined) throw new Error('the engine’s machine is neither amd64 nor arm64')
    const options = sandboxOptions(this.#host, this.#image, networkName)
    const made = await bounded('make sandbox', 30_000, () => this.#docker.createContainer(options)).catch(
      error => {
        this.#image = undefined
        throw error
      },
    )
    try {
      await containers.run(this.#docker, made.id)
      const { address } = await containers.get(this.#docker, made.id)
      if (address === undefined) throw new Error('a sandbox ended as soon as it was made')
      return { id: made.id, address }
    } catch (error) {
      void this.#drop(made.id)
      throw error
    }
  }

  async #clear(): Promise<void> {
    const found = await bounded('list containers', 30_000, () =>
      this.#docker.listContainers({ all: true, filters: ownedBy(this.#host) }),
    )
    for (const { Id, HostConfig } of found) {
      const sandbox = sandboxOf(HostConfig.NetworkMode)
      if (sandbox !== undefined) this.#used.set(Id, sandbox)
    }
    const used = new Set(this.#used.values())
    const left = found.filter(({ Id, Labels }) => readLabels(Labels).role === 'sandbox' && !used.has(Id))
    await Promise.all(left.map(({ Id }) => this.#drop(Id)))
  }

  #notCleared(error: unknown): void {
    this.#options.failed('sandboxes_not_cleared', messageOf(error))
  }

  async #found(): Promise<{ all: ReadonlySet<string>; running: ReadonlySet<string> }> {
    const found = await bounded('list sandboxes', 30_000, () =>
      this.#docker.listContainers({ all: true, filters: ownedBy(this.#host) }),
    )
    const running = found.filter(({ State }) => State === 'running')
    return { all: new Set(found.map(({ Id }) => Id)), running: new Set(running.map(({ Id }) => Id)) }
  }

  async #drop(id: string): Promise<void> {
    await this.#discard(id).catch(error => this.#options.failed('sandbox_not_removed', messageOf(error)))
  }

  async #discard(id: string): Promise<void> {
    await containers.remove(this.#docker, id)
  }
}
