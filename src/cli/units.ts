/** `812 B`, `1.4 kB`, `23 MB`: bytes for people, in powers of 1000. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 4)
  const value = bytes / 1000 ** power
  const shown = value < 9.95 ? value.toFixed(1) : String(Math.round(value))
  return shown === '1000' && power < 4 ? `1.0 ${UNITS[power + 1]}` : `${shown} ${UNITS[power]}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

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
