import { readFileSync } from 'node:fs'

/** Never more connections than this, however many files the process may open: each costs memory. */
const most = 10_000
/** Files that are left for everything else: the store, the engine, logs. */
const reserve = 512

/**
 * How many visitors' connections there may be: each can need a second one, to its app, and what a process may open is
 * bounded by the system. Beyond that it could not even open its own files.
 */
export function connectionsThatFit(limits = readLimits()): number {
  const files = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  if (files === undefined) return most
  return Math.max(16, Math.min(most, Math.floor((Number(files) - reserve) / 2)))
}

/** What Linux says of this process; empty on other systems, and where there is no limit. */
function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ''
  }
}
