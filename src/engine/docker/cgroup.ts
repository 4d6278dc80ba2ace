import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/* The kernel's control groups: cgroup-v1/ and cgroup-v2.rst of its documentation. */

/** Where the kernel shows processes and cgroups; tests have their own. */
export type Roots = { proc: string; cgroup: string }

const machine: Roots = { proc: '/proc', cgroup: '/sys/fs/cgroup' }

/** Those that are used here. The first version has a tree of its own for each. */
type Controller = 'memory' | 'freezer'

/** The files by which the kernel tells and changes what one container's processes may do. */
export class Cgroup {
  readonly version: 1 | 2
  readonly #root: string
  readonly #path: string

  private constructor(root: string, path: string, version: 1 | 2) {
    this.#root = root
    this.#path = path
    this.version = version
  }

  /** The one of a container where engines usually make it, which saves asking for its process. */
  static async usual(id: string, { cgroup }: Pick<Roots, 'cgroup'> = machine): Promise<Cgroup | undefined> {
    for (const path of [`docker/${id}`, `system.slice/docker-${id}.scope`]) {
      for (const version of [1, 2] as const) {
        const found = new Cgroup(cgroup, path, version)
        if (await found.#exists()) return found
      }
    }
    return undefined
  }

  /**
   * Finds the one of a container by its first process; undefined when that cannot be seen from here: the engine runs on
   * another machine, or this host in a container with process ids of its own.
   */
  static async of(
    { id, pid }: { id: string; pid: number },
    { proc, cgroup }: Roots = machine,
  ): Promise<Cgroup | undefined> {
    // Empty: there is no such process.
    const groups = await readFile(join(proc, String(pid), 'cgroup'), 'utf8').catch(() => '')
    // Elsewhere that id may well be some other process's.
    const paths = groups.split('\n').filter(line => line.includes(id))
    const v1 = paths.map(line => /^\d+:[^:]*\bmemory\b[^:]*:(.*)$/.exec(line)?.[1]).find(Boolean)
    const v2 = paths.map(line => /^0::(.*)$/.exec(line)?.[1]).find(Boolean)
    for (const [version, path] of [
      [1, v1],
      [2, v2],
    ] as const) {
      const found = path && new Cgroup(cgroup, path, version)
      if (found && (await found.#exists())) return found
    }
    return undefined
  }

  /** @throws {Error} the system's, `ENOENT` once the container has ended */
  read(controller: Controller, file: string): Promise<string> {
    return readFile(this.#file(controller, file), 'utf8')
  }

  /** @throws {Error} the system's, `ENOENT` once the container has ended */
  write(controller: Controller, file: string, value: string): Promise<void> {
    return writeFile(this.#file(controller, file), value)
  }

  #file(controller: Controller, file: string): string {
    return join(this.#root, this.version === 1 ? controller : '', this.#path, file)
  }

  #exists(): Promise<boolean> {
    return access(this.#file('memory', 'memory.stat')).then(
      () => true,
      () => false,
    )
  }
}
