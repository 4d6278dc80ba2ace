import { randomUUID } from 'node:crypto'
import type Docker from 'dockerode'
import { messageOf } from '../../../problem.ts'
import { bounded } from '../client.ts'
import * as containers from '../containers.ts'
import { ownedBy, readLabels } from '../labels.ts'
import { ensureNetwork, networkName } from '../network.ts'
import type { Seccomp } from '../seccomp.ts'
import { type Sandbox, sandboxOf, sandboxOptions } from '../spec.ts'
import { ensureSandboxImage } from './image.ts'
import { Pool, type PoolSize } from './pool.ts'
import { hasTraces } from './traces.ts'

/** How often the pool is brought to its size, ms. */
const tendInterval = 10_000
/** How long one is used again, ms: the engine gave it the machine's resolvers of when it was made. */
const lifetime = 60 * 60_000
/** How often it is looked what became of them, ms. */
const checkInterval = 60_000

export type SandboxesOptions = PoolSize & {
  /** Something that is tried again went wrong. */
  failed: (what: string, error: string) => void
  /** So many containers were started without one of late, for none was ready. */
  missed: (count: number) => void
  /** See {@link hasTraces}. */
  hasTraces?: typeof hasTraces
}

/** One that was made. */
type Made = Sandbox & {
  /** The process id of what holds it, as the engine's machine counts. */
  pid: number
  /** Something ran in it that may have changed what does not go with it, e.g. `/etc/resolv.conf`. */
  spoilt: boolean
  /** Of `performance.now()`. */
  since: number
}

/**
 * Network namespaces that lie ready, each held by a container that does nothing: setting one up takes the engine
 * longer than all else of a start. An instance joins one, which is the next one's if the instance has left no traces in it,
 * and goes with it otherwise.
 */
export class Sandboxes implements AsyncDisposable {
  readonly #docker: Docker
  readonly #host: string
  readonly #seccomp: Pick<Seccomp, 'profile'>
  readonly #options: SandboxesOptions
  readonly #pool: Pool<Made>
  /** Ids of sandboxes by the container that is in them. */
  readonly #used = new Map<string, string>()
  /** Those that were made and that nobody has let go of, by their ids. */
  readonly #made = new Map<string, Made>()
  /** Names of those that are being made, whose ids nobody knows before the engine answers. */
  readonly #making = new Set<string>()
  /** Removals that run, by the ids of what they remove. */
  readonly #drops = new Map<string, Promise<void>>()
  /** Those that instances have just left are being looked at. */
  readonly #leaving = new Set<Promise<void>>()
  /** Misses that were told. */
  #told = 0
  #image: string | undefined
  #timers: NodeJS.Timeout[] = []

  constructor(docker: Docker, host: string, seccomp: Pick<Seccomp, 'profile'>, options: SandboxesOptions) {
    this.#docker = docker
    this.#host = host
    this.#seccomp = seccomp
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
    if (this.#timers.length > 0) return
    if (this.#options.max === 0) return this.#clear().catch(error => this.#notCleared(error))
    this.#timers = [
      setInterval(() => this.#tend(), tendInterval).unref(),
      setInterval(() => void this.check(), checkInterval).unref(),
    ]
    try {
      this.#image = await ensureSandboxImage(this.#docker)
      if (this.#image === undefined) return this.#pool[Symbol.asyncDispose]()
      await this.#clear()
    } catch (error) {
      this.#notCleared(error)
    }
    this.#pool.open()
  }

  /** See `Engine.expect`. */
  expect(): void {
    this.#pool.expect()
  }

  /**
   * Starts a container, in a sandbox if one is ready.
   *
   * @param start given no sandbox it is to start without; called once more without one that has gone
   * @param options.spoils what runs in it may be able to change what does not go with it
   */
  async into<T extends { id: string }>(
    start: (sandbox: Sandbox | undefined) => Promise<T>,
    { spoils }: { spoils: boolean },
  ): Promise<T> {
    const sandbox = this.#pool.take()
    // Nothing stands back behind it: with none ready, the next ones are what takes less long to wait for.
    if (sandbox === undefined) return start(undefined)
    if (spoils) sandbox.spoilt = true
    return this.#pool.during(async () => {
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
    const sandbox = this.#vacate(container)
    if (sandbox === undefined) return
    const leaving = this.#putBack(sandbox).finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }

  /** It is the next one's if that one can find out nothing of who was there, and gets nothing that is meant for them. */
  async #putBack(id: string): Promise<void> {
    const made = this.#made.get(id)
    if (made && (await this.#isAsGoodAsNew(made)) && this.#made.has(id) && this.#pool.put(made)) return
    await this.#drop(id)
  }

  async #isAsGoodAsNew(made: Made): Promise<boolean> {
    if (made.spoilt || performance.now() - made.since > lifetime) return false
    return !(await (this.#options.hasTraces ?? hasTraces)(made))
  }

  /** A sandbox has ended. @returns the container that was in it, which nobody can reach any more */
  died(sandbox: string): string | undefined {
    this.#pool.drop(({ id }) => id === sandbox)
    const [container] = [...this.#used].find(([, used]) => used === sandbox) ?? []
    // One that was let go of is removed already, and has ended by that.
    if (container !== undefined || this.#made.has(sandbox)) void this.#drop(sandbox)
    if (container !== undefined) this.#used.delete(container)
    return container
  }

  /**
   * The engine may have been away: forgets those that are not there any more, and removes those that nobody has, which
   * were made by a call that was given up or could not be removed.
   */
  async check(): Promise<void> {
    try {
      // Asked for before: what is made meanwhile is not in the list.
      const ready = this.#pool.ready
      const used = [...this.#used.keys()]
      const found = await this.#found()
      const all = new Set(found.map(({ Id }) => Id))
      const running = new Set(found.filter(({ State }) => State === 'running').map(({ Id }) => Id))
      const gone = new Set(ready.filter(({ id }) => !running.has(id)))
      this.#pool.drop(one => gone.has(one))
      for (const { id } of gone) this.#made.delete(id)
      for (const container of used) if (!all.has(container)) this.#lost(container)
      for (const id of this.#strays(found)) void this.#drop(id)
    } catch (error) {
      this.#options.failed('sandboxes_not_looked_at', messageOf(error))
    }
  }

  /** Somebody else has removed a container. It may still be taken for one that runs, and nobody may be at its address then. */
  #lost(container: string): void {
    const sandbox = this.#vacate(container)
    if (sandbox !== undefined) void this.#drop(sandbox)
  }

  /** @returns what the container was in */
  #vacate(container: string): string | undefined {
    const sandbox = this.#used.get(container)
    this.#used.delete(container)
    return sandbox
  }

  /** Removes those that are ready, and those that instances have just left; what instances are in stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.forEach(clearInterval)
    await this.#pool[Symbol.asyncDispose]()
    await Promise.all(this.#leaving)
    await Promise.all(this.#drops.values())
  }

  #tend(): void {
    const { misses } = this.counts
    if (misses > this.#told) this.#options.missed(misses - this.#told)
    this.#told = misses
    this.#pool.tend()
  }

  async #make(): Promise<Made> {
    const name = `dormice-${this.#host}.sandbox.${randomUUID()}`
    this.#making.add(name)
    try {
      return await this.#makeNamed(name)
    } finally {
      this.#making.delete(name)
    }
  }

  async #makeNamed(name: string): Promise<Made> {
    await ensureNetwork(this.#docker, networkName)
    // `docker image prune -a` takes it while none is there.
    this.#image ??= await ensureSandboxImage(this.#docker)
    if (this.#image === undefined) throw new Error('the engine’s machine is neither amd64 nor arm64')
    const seccomp = await this.#seccomp.profile()
    const options = { ...sandboxOptions(this.#host, this.#image, networkName, seccomp), name }
    const { id } = await bounded('make sandbox', 30_000, () => this.#docker.createContainer(options)).catch(
      error => {
        this.#image = undefined
        throw error
      },
    )
    const made: Made = { id, address: '', pid: 0, spoilt: false, since: performance.now() }
    this.#made.set(id, made)
    try {
      await containers.run(this.#docker, id)
      const found = await containers.inspect(this.#docker, id)
      const address = containers.addressOf(found)
      if (address === undefined) throw new Error('a sandbox ended as soon as it was made')
      return Object.assign(made, { address, pid: found.State.Pid })
    } catch (error) {
      void this.#drop(id)
      throw error
    }
  }

  /** Removes all that an earlier run has left, but for those with an instance in them. */
  async #clear(): Promise<void> {
    const found = await this.#found()
    for (const { Id, HostConfig } of found) {
      const sandbox = sandboxOf(HostConfig.NetworkMode)
      if (sandbox !== undefined) this.#used.set(Id, sandbox)
    }
    await Promise.all(this.#strays(found).map(id => this.#drop(id)))
  }

  /** Ids of those that nobody has. */
  #strays(found: readonly Docker.ContainerInfo[]): string[] {
    const used = new Set(found.map(({ HostConfig }) => sandboxOf(HostConfig.NetworkMode)))
    return found
      .filter(({ Labels }) => readLabels(Labels).role === 'sandbox')
      .filter(({ Id, Names }) => !used.has(Id) && !this.#made.has(Id) && !this.#isBeingMade(Names))
      .map(({ Id }) => Id)
  }

  #isBeingMade(names: readonly string[]): boolean {
    return names.some(name => this.#making.has(name.replace(/^\//, '')))
  }

  #notCleared(error: unknown): void {
    this.#options.failed('sandboxes_not_cleared', messageOf(error))
  }

  /** All containers of this host. */
  #found(): Promise<Docker.ContainerInfo[]> {
    return bounded('list sandboxes', 30_000, () =>
      this.#docker.listContainers({ all: true, filters: ownedBy(this.#host) }),
    )
  }

  #drop(id: string): Promise<void> {
    const running = this.#drops.get(id)
    if (running !== undefined) return running
    const drop = this.#discard(id)
      .catch(error => this.#options.failed('sandbox_not_removed', messageOf(error)))
      .finally(() => this.#drops.delete(id))
    this.#drops.set(id, drop)
    return drop
  }

  async #discard(id: string): Promise<void> {
    this.#made.delete(id)
    await containers.remove(this.#docker, id)
  }
}
