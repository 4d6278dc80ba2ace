import { AppSettings } from '../releases/manifest.ts'

/** Where a setting comes from: set through the API, the upload's `dormice.json`, or neither of them. */
export type SettingSource = 'set' | 'dormice.json' | 'default'

/**
 * Where each setting comes from, by its name. Rules of `access` are told one by one (`access.rate`): what is
 * set wins over the upload's rule by rule; `access` itself is there where there are none.
 */
export function settingSources(set: AppSettings, uploaded: AppSettings): Record<string, SettingSource> {
  const { access: _, ...names } = AppSettings.shape
  const rules = sources(Object.keys({ ...uploaded.access, ...set.access }), set.access, uploaded.access)
  return {
    ...Object.fromEntries(sources(Object.keys(names), set, uploaded)),
    ...(rules.length === 0 ? { access: 'default' } : {}),
    ...Object.fromEntries(rules.map(([rule, source]) => [`access.${rule}`, source])),
  }
}

function sources(
  names: readonly string[],
  set: object = {},
  uploaded: object = {},
): [name: string, source: SettingSource][] {
  return names.map(name => [name, name in set ? 'set' : name in uploaded ? 'dormice.json' : 'default'])
}
