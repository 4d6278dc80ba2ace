import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { Cgroup } from './cgroup.ts'
import type { Cgroups } from './cgroups.ts'
import { bounded, reasonOf, statusOf } from './client.ts'

/** How long the kernel may take to stop all processes of a container, ms; then the engine is asked to. */
const patience = 2_000

/**
 * Stops containers' processes where they are: by the kernel, where its cgroups can be reached from here, which takes
 * 0.3 ms where the engine takes 40 and as much CPU time. The engine knows nothing of that, and calls them running: what is
 * true is asked here.
 */
export class Freezer {
  readonly #docker: Docker
  readonly #cgroups: Cgroups
  /** Ids of those that the kernel has frozen. */
  readonly #frozen = new Set<string>()
  /** Of them, those that go on while the engine is away. */
  readonly #let = new Set<string>()
  /** Those that are just frozen again. */
  readonly #again = new Map<string, Promise<unknown>>()

  constructor(docker: Docker, cgroups: Cgroups) {
    this.#docker = docker
    this.#cgroups = cgroups
  }

  /** No error when it is frozen already. */
  async freeze(id: string): Promise<void> {
    const cgroup = await this.#cgroup(id)
    if (cgroup && (await freezes(cgroup))) {
      this.#frozen.add(id)
      return
    }
    await refusal(
      /already paused/,
      bounded('freeze container', 20_000, () => this.#docker.getContainer(id).pause()),
    )
  }

  /** No error when it is not frozen. @throws {Error} it stays frozen: by the kernel, which this process may not ask */
  async thaw(id: string): Promise<void> {
    if (await this.letGo(id)) return
    await this.#unpause(id)
    // To the engine it was never paused.
    if (await this.isFrozen(id, 'running')) throw new Error(`container ${id} stays frozen`)
  }

  /** Lets go on what the kernel has frozen. @returns false where it cannot be asked to */
  async letGo(id: string): Promise<boolean> {
    this.#frozen.delete(id)
    this.#let.delete(id)
    await this.#again.get(id)
    const cgroup = await this.#cgroup(id)
    return cgroup !== undefined && thaws(cgroup)
  }

  /** It is to be killed, which older runtimes do to no frozen one. */
  async beforeKill(id: string): Promise<void> {
    if (this.#frozen.has(id)) await this.letGo(id)
  }

  /** Lets go on one that the engine calls paused, also where {@link letGo} has let it go on. */
  async unpause(id: string): Promise<void> {
    const cgroup = await this.#cgroup(id)
    try {
      // What the engine runs containers with refuses to let one go on that does.
      if (cgroup) await freezes(cgroup)
      await this.#unpause(id)
    } finally {
      if (cgroup) await thaws(cgroup)
    }
  }

  /** Whether one that the engine calls running, or paused, is frozen. */
  async isFrozen(id: string, state: 'running' | 'paused'): Promise<boolean> {
    const cgroup = await this.#cgroup(id)
    const frozen = cgroup && (await isFrozen(cgroup))
    if (frozen) this.#frozen.add(id)
    return frozen ?? state === 'paused'
  }

  /** Runs while a container that runs is frozen; one that has ended meanwhile is as still. */
  async whileFrozen<T>(id: string, run: () => Promise<T>): Promise<T> {
    try {
      await refusal(/is not running/, this.freeze(id))
      return await run()
    } finally {
      await this.thaw(id)
    }
  }

  /**
   * Lets all go on for as long as the engine is away: it may be about to end all containers, and what it tells them so by
   * does not reach a frozen one.
   */
  async engineLeft(): Promise<void> {
    await Promise.all(
      [...this.#frozen].map(async id => {
        const cgroup = await this.#cgroup(id)
        const goesOn = cgroup && (await isFrozen(cgroup)) && (await thaws(cgroup))
        // Somebody may have asked for it meanwhile.
        if (goesOn && this.#frozen.has(id)) this.#let.add(id)
      }),
    )
  }

  /** Those are frozen again that are still there. */
  async engineIsBack(): Promise<void> {
    for (const id of this.#let) {
      const frozen = this.#cgroup(id).then(cgroup => cgroup && freezes(cgroup))
      this.#again.set(
        id,
        frozen.finally(() => this.#again.delete(id)),
      )
    }
    this.#let.clear()
    await Promise.all(this.#again.values())
  }

  #unpause(id: string): Promise<void> {
    return refusal(
      /not paused/,
      bounded('thaw container', 20_000, () => this.#docker.getContainer(id).unpause()),
    )
  }

  #cgroup(id: string): Promise<Cgroup | undefined> {
    return this.#cgroups.of(id).catch(() => undefined)
  }
}

/** @returns whether it is frozen; false: it goes on, and it may be that the engine can do it */
async function freezes(cgroup: Cgroup): Promise<boolean> {
  const began = performance.now()
  try {
    for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
      // Said again each time: by the first version what is just being started may stay out of it.
      await request(cgroup, true)
      if (await isStill(cgroup)) return true
      if (performance.now() - began > patience) break
      await sleep(pause)
    }
  } catch {
    // It has ended, or this process may only look at it.
  }
  await thaws(cgroup)
  return false
}

/** @returns whether it goes on; false: it may be that the engine can do it */
async function thaws(cgroup: Cgroup): Promise<boolean> {
  return request(cgroup, false).then(
    () => true,
    () => false,
  )
}

/** Whether it was asked to be frozen, if only half of it is; undefined where that cannot be seen. */
async function isFrozen(cgroup: Cgroup): Promise<boolean | undefined> {
  const said =
    cgroup.version === 1
      ? cgroup.read('freezer', 'freezer.state').then(state => state.trim() !== 'THAWED')
      : cgroup.read('freezer', 'cgroup.freeze').then(wanted => wanted.trim() === '1')
  return said.catch(() => undefined)
}

/** Whether none of its processes runs. */
async function isStill(cgroup: Cgroup): Promise<boolean> {
  return cgroup.version === 1
    ? (await cgroup.read('freezer', 'freezer.state')).trim() === 'FROZEN'
    : /^frozen 1$/m.test(await cgroup.read('freezer', 'cgroup.events'))
}

function request(cgroup: Cgroup, frozen: boolean): Promise<void> {
  return cgroup.version === 1
    ? cgroup.write('freezer', 'freezer.state', frozen ? 'FROZEN' : 'THAWED')
    : cgroup.write('freezer', 'cgroup.freeze', frozen ? '1' : '0')
}

/** Engines say "already there" as a conflict or, older ones, as a failure of their own: the sentence tells. */
async function refusal(harmless: RegExp, call: Promise<unknown>): Promise<void> {
  await call.catch(error => {
    if (statusOf(error) === undefined || !harmless.test(reasonOf(error))) throw error
  })
}
