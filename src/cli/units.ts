/** `812 B`, `1.4 kB`, `23 MB`: bytes for people, in powers of 1000. */
export function formatBytes(bytes: number): string {
  return inUnits(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** `812 B`, `1.4 KiB`, `23 MiB`: what is had of memory, in the units of the limits that it is held against. */
export function formatMemory(bytes: number): string {
  return inUnits(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])
}

/** With two or three digits (or four, below 1024), in the largest unit of which there is a whole one. */
function inUnits(bytes: number, step: number, units: readonly string[]): string {
  let value = bytes
  let power = 0
  for (; Math.round(value) >= step && power < units.length - 1; power++) value /= step
  const shown = power > 0 && value < 9.95 ? value.toFixed(1) : String(Math.round(value))
  return `${shown} ${units[power]}`
}

/** A size as it was set, e.g. `1 MiB`, `1500 bytes`: in the largest unit that it is a whole number of. */
export function formatSize(bytes: number): string {
  const power = bytes === 0 ? -1 : SIZES.findIndex((_, at) => bytes % 1024 ** (3 - at) === 0)
  return power === -1 ? count(bytes, 'byte') : `${bytes / 1024 ** (3 - power)} ${SIZES[power]}`
}

const SIZES = ['GiB', 'MiB', 'KiB'] as const

/** `0.4 ms`, `12 ms`, `1.3 s`, `48 s`: a duration for people, with two or three digits. */
export function formatMs(ms: number): string {
  if (ms >= 999.5) return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
  return ms < 9.95 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}

/** A time as it was set, e.g. `10 s`, `1 min`: in the largest unit that it is a whole number of. */
export function formatTime(ms: number): string {
  const [of, unit] = TIMES.find(([of]) => ms > 0 && ms % of === 0) ?? [1, 'ms']
  return `${ms / of} ${unit}`
}

const TIMES: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
]

/** How long ago, roughly: `just now`, `40 s ago`, `3 min ago`, `5 h ago`, `2 days ago`. Times are epoch ms. */
export function formatAgo(at: number, now: number): string {
  const seconds = Math.floor((now - at) / 1000)
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} days ago`
}

/** `1 file`, `3 files`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
