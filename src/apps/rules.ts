import type { Access } from '../releases/access.ts'
import type { AppSettings } from '../releases/manifest.ts'

export type { Access } from '../releases/access.ts'

/** What the edge holds the requests of an app to before they reach its instance. */
export type Rules = {
  readonly access?: Access
}

/**
 * The rules of an app, undefined where there are none. Of `access`, what was set for the app wins member by member:
 * to set a rate must not open an app whose `dormice.json` names who may come.
 */
export function rulesOf(app: AppSettings, release: AppSettings): Rules | undefined {
  const access = { ...release.access, ...app.access }
  if (Object.keys(access).length === 0) return undefined
  return Object.freeze({ access: Object.freeze(access) })
}
