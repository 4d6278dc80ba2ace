import type Docker from 'dockerode'
import pLimit from 'p-limit'
import { Cgroup } from './cgroup.ts'
import { inspect } from './containers.ts'

/** Finds the cgroups of containers, each once. */
export class Cgroups {
  readonly #docker: Docker
  readonly #found = new Map<string, Promise<Cgroup | undefined>>()
  /** The engine is asked of few at a time: of all, where none can be seen from here. */
  readonly #line = pLimit(4)

  constructor(docker: Docker) {
    this.#docker = docker
  }

  /** Undefined where it cannot be seen from here. @throws what the engine says of a container that it does not know */
  of(id: string): Promise<Cgroup | undefined> {
    let found = this.#found.get(id)
    if (found === undefined) {
      found = this.#find(id)
      this.#found.set(id, found)
      found.catch(() => this.#found.delete(id))
    }
    return found
  }

  forget(id: string): void {
    this.#found.delete(id)
  }

  async #find(id: string): Promise<Cgroup | undefined> {
    const usual = await Cgroup.usual(id)
    if (usual !== undefined) return usual
    const { State } = await this.#line(() => inspect(this.#docker, id))
    // Started again, it has one.
    if (!State.Running) this.forget(id)
    return Cgroup.of({ id, pid: State.Pid })
  }
}
