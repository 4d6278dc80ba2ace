import type { AccessShape, AppShape } from '../api/shapes.ts'
import { accessRows, RULES } from './access-rows.ts'
import { showValue } from './setting-values.ts'
import { settings as knownSettings } from './settings.ts'

const SOURCES: Readonly<Record<string, string>> = { set: 'set by hand' }

/** Settings of an app as rows of a table: what each is called, where it comes from, and what it says. */
export function settingRows(
  { settings, settingSources }: AppShape,
  names: readonly string[] = inOrder(Object.keys(settings)),
): string[][] {
  const source = (name: string) => SOURCES[settingSources[name] ?? ''] ?? settingSources[name] ?? ''
  const values: Readonly<Record<string, unknown>> = settings
  const { access } = settings
  return names.flatMap(name =>
    name === 'access' ? rowsOfAccess(access, source) : [[name, source(name), showValue(name, values[name])]],
  )
}

/** As `set --help` lists them; those that only a newer host knows at the end. */
function inOrder(names: readonly string[]): string[] {
  const known = Object.keys(knownSettings).filter(name => names.includes(name))
  return [...known, ...names.filter(name => !known.includes(name))]
}

function rowsOfAccess(access: AccessShape | null, source: (name: string) => string): string[][] {
  if (!access) return [['access', source('access'), 'everybody']]
  return accessRows(access).map(([rule = '', says = '']) => [
    `access ${rule}`,
    source(`access.${RULES[rule]}`),
    says,
  ])
}
