import { isAppName } from '../apps/naming.ts'
import { UsageError } from './usage-error.ts'

const ACCEPTED = '1 to 40 of a-z, 0-9 and "-", not at its ends, and none of dormice, www, hooks'

/** The name for an app whose user gave none: what it is deployed from, in the letters that a name may have. */
export function suggestName(source: string): string {
  const name = source
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 40)
    .replace(/-+$/, '')
  if (isAppName(name)) return name
  throw new UsageError(`"${source}" gives no name for an app; say one with --name (accepted: ${ACCEPTED})`)
}

/** @param from what the user gave it as @throws {UsageError} when no app can be called so */
export function checkName(name: string, from = '--name'): string {
  if (isAppName(name)) return name
  throw new UsageError(`${from} "${name}" cannot name an app; accepted: ${ACCEPTED}`)
}
