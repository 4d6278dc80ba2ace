import type { AppShape } from '../api/shapes.ts'
import { invocation } from './invocation.ts'

/** The settings that a container has from its creation on. */
const LIMITS: readonly string[] = ['memory', 'cpu', 'pids']

const list = new Intl.ListFormat('en-GB')

/** When settings of an app that were changed apply, and how to have them apply now: a sentence. */
export function whenApplied({ name, state, pendingSettings }: AppShape, changed: readonly string[]): string {
  const runs = state === 'awake' || state === 'frozen'
  const later = changed.filter(setting => (runs ? pendingSettings : LIMITS).includes(setting))
  if (later.length === 0) return 'This applies at once.'
  const one = later.length === 1
  const rest = later.length === changed.length ? '' : ', the rest at once'
  // Not "from the next wake": a frozen app wakes as well, and keeps its container.
  const when = runs ? `once ${name} has slept` : `when ${name} wakes`
  const sentence = `${list.format(later)} ${one ? 'applies' : 'apply'} ${when}${rest}`
  if (!runs) return `${sentence}.`
  return `${sentence}; \`${invocation('restart', name)}\` applies ${one ? 'it' : 'them'} now.`
}
