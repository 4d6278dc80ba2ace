import { formatBytes } from './units.ts'

/** What of this machine says how much memory a frozen app gives back. */
export type Reclaiming = {
  /** Text of `/proc/swaps`. */
  swaps: string
  /** Whether the kernel can be asked from here to take memory out of a container. */
  asks: boolean
  /** Whether the kernel tells how long processes wait for memory. */
  tells: boolean
}

/** How frozen apps fare on this machine, whether it is seen that it runs short of memory, and what would help. */
export function adviseOnMemory({ tells, ...reclaiming }: Reclaiming): string {
  const pressure = tells
    ? 'where memory runs short idle apps yield (/proc/pressure/memory)'
    : 'that memory runs short is not seen, for there is no /proc/pressure/memory (Linux 4.20 and newer have it, some with psi=1 on the kernel’s command line): choose DORMICE_MEMORY with care'
  return `${adviseOnFrozen(reclaiming)}; ${pressure}`
}

function adviseOnFrozen({ swaps, asks }: Omit<Reclaiming, 'tells'>): string {
  if (!asks)
    return 'frozen apps keep their memory: the cgroups of the engine’s containers cannot be written from here; run the host as root, on the engine’s machine'
  const sizes = swaps
    .trim()
    .split('\n')
    .slice(1)
    .map(line => Number(line.split(/\s+/)[2]) * 1024)
  const swap = sizes.reduce((sum, size) => sum + size, 0)
  if (swap === 0)
    return 'no swap: a frozen app gives back only what it has from files; with a swap file or zram it would give back nearly all, and several times as many could be frozen'
  return `${formatBytes(swap)} of swap: frozen apps give back nearly all of their memory`
}
