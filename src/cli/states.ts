import type { AppShape } from '../api/shapes.ts'
import { style } from './terminal.ts'

const COLOURS = {
  awake: 'green',
  waking: 'yellow',
  'falling-asleep': 'yellow',
  frozen: 'cyan',
  asleep: 'dim',
  crashed: 'red',
  lost: 'red',
} as const satisfies Record<AppShape['state'], string>

/** An app's state in its colour. */
export function showState(state: AppShape['state']): string {
  // A newer host may know more states.
  return style(COLOURS[state] ?? 'reset', state, process.stdout)
}
