import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

/** Where figures were measured: they compare within a run, hardly between machines. */
export type Machine = {
  cpu: string
  cores: number
  /** Bytes. */
  memory: number
  system: string
  node: string
  /** Load averages over 1, 5 and 15 minutes when the run began: what else the machine was busy with. */
  load: number[]
}

/** This machine, now. */
export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    load: loadavg().map(value => Number(value.toFixed(2))),
  }
}

/** One line for people. */
export function describeMachine({ cpu, cores, memory, system, node, load }: Machine): string {
  const gib = (memory / 1024 ** 3).toFixed(1)
  return `${cores} × ${cpu}, ${gib} GiB, ${system}, Node ${node}, load at the start ${load.join(' ')}`
}
