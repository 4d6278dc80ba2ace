import type { AppShape } from '../api/shapes.ts'
import { formatTime } from './units.ts'

/** The settings that {@link neverFrozen} is about. */
export const idleTimes: readonly string[] = ['freeze', 'freezeAfter', 'sleepAfter']

/** A sentence for an app that is to be frozen when idle, and is not, for it sleeps by then. */
export function neverFrozen({ name, settings }: AppShape): string | undefined {
  const { freeze, freezeAfter, sleepAfter } = settings
  if (freeze === 'off' || freezeAfter === null || freezeAfter < sleepAfter) return undefined
  const times = `freezeAfter (${formatTime(freezeAfter)}) is not less than sleepAfter (${formatTime(sleepAfter)})`
  return `${times}: when idle, ${name} sleeps without being frozen before.`
}
