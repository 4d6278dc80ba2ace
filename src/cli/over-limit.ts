import type { AppShape, OverrunShape } from '../api/shapes.ts'
import { invocation } from './invocation.ts'
import { remark } from './terminal.ts'
import { formatSize } from './units.ts'

const MiB = 1024 ** 2
/** What limits that are advised are multiples of, bytes. */
const step = 16 * MiB
/** For how long it is told wherever the app is shown, ms; its timeline tells it for good. */
const lately = 24 * 3_600_000

/** When an app last reached the memory limit that it has, if that was lately. A host from before does not tell. */
export function overrunLately({ settings, overrun }: AppShape, now: number): OverrunShape | undefined {
  if (!overrun || overrun.limit !== settings.memory) return undefined
  return now - Date.parse(overrun.until) < lately ? overrun : undefined
}

/** Says that an app reached its memory limit, and how to give it more; not where it has another limit by now. */
export function tellOfLimit({ name, settings, memory }: AppShape, { kind, limit }: OverrunShape): void {
  if (settings.memory !== limit) return
  const ends = kind === 'killed' ? 'a process of it was killed' : 'it was slow'
  const fitting = Math.max(memory.suggested ?? 0, Math.ceil((limit * 1.5) / step) * step)
  remark(`\n${name} wanted more than its ${formatSize(limit)} of memory, and ${ends}.`)
  remark(`Give it more: ${invocation('set', name, `memory=${fitting / MiB}m`)}`)
}
