import { cpus } from 'node:os'

/** How busy the machine's processors are, with whatever runs on them. */
export class Busy {
  #before = now()

  /** Share of their time that they were not idle since the last call, 0 to 1. */
  share(): number {
    const { idle, all } = now()
    const before = this.#before
    this.#before = { idle, all }
    return all > before.all ? 1 - (idle - before.idle) / (all - before.all) : 0
  }
}

/** ms of all processors since the machine began. */
function now(): { idle: number; all: number } {
  const times = cpus().map(cpu => cpu.times)
  const sum = (of: readonly number[]) => of.reduce((left, right) => left + right, 0)
  return { idle: sum(times.map(({ idle }) => idle)), all: sum(times.flatMap(one => Object.values(one))) }
}
