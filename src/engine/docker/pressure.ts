import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pressure } from '../engine.ts'

/**
 * How short of memory this machine is: the kernel's pressure stall information (accounting/psi.rst of its
 * documentation), and what it takes for available. Undefined where it counts no stalls: before 4.20, not built in, or
 * switched off (`psi=1` on its command line switches it on).
 *
 * @param proc where the process file system is mounted
 */
export async function machinePressure(proc = '/proc'): Promise<Pressure | undefined> {
  const read = (file: string) => readFile(join(proc, file), 'utf8').catch(() => '')
  const [stalls, memory] = await Promise.all([read('pressure/memory'), read('meminfo')])
  const stalled = Number(/^some .*\btotal=(\d+)/m.exec(stalls)?.[1]) / 1_000
  const sizeOf = (key: string) => Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(memory)?.[1])
  const available = sizeOf('MemAvailable') / sizeOf('MemTotal')
  return Number.isFinite(stalled) && Number.isFinite(available) ? { stalled, available } : undefined
}
