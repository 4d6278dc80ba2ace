import { formatAgo } from './units.ts'

/** `5 h ago`; what is older than two days with its local date. Times are epoch ms. */
export function formatWhen(at: number, now: number): string {
  return now - at < 48 * 3_600_000 ? formatAgo(at, now) : localTime(at)
}

/** `2026-01-31 14:00`, in this machine's time zone. @param at epoch ms */
export function localTime(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 16).replace('T', ' ')
}
