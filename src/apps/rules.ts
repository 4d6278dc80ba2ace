import type { Access } from '../releases/access.ts'
import type { Ignore } from '../releases/ignore.ts'
import type { AppSettings } from '../releases/manifest.ts'
import type { Waiting } from '../releases/waiting.ts'

export type { Access } from '../releases/access.ts'
export type { Ignore } from '../releases/ignore.ts'
export type { Waiting } from '../releases/waiting.ts'

/** What the edge holds the requests of an app to before they reach its instance. */
export type Rules = {
  readonly access?: Access
  readonly ignore?: Ignore
  readonly waiting?: Waiting
}

/**
 * The rules of an app, undefined where there are none. Of `access`, what was set for the app wins member by
 * member: to set a rate must not open an app whose `dormice.json` names who may come.
 */
export function rulesOf(app: AppSettings, release: AppSettings): Rules | undefined {
  const access = { ...release.access, ...app.access }
  const ignore = app.ignore ?? release.ignore
  const waiting = app.waiting ?? release.waiting
  const rules: { access?: Access; ignore?: Ignore; waiting?: Waiting } = {}
  if (Object.keys(access).length > 0) rules.access = Object.freeze(access)
  if (ignore) rules.ignore = Object.freeze({ ...ignore })
  if (waiting) rules.waiting = waiting
  return Object.keys(rules).length === 0 ? undefined : Object.freeze(rules)
}

/**
 * The same rules for an app that is something else now: what is kept of its answers goes with the old
 * `ignore`.
 */
export function renewed(rules: Rules | undefined): Rules | undefined {
  return rules?.ignore ? Object.freeze({ ...rules, ignore: Object.freeze({ ...rules.ignore }) }) : rules
}
