import { type Kind, kindOf, settings } from './settings.ts'
import { named, oneLine } from './terminal.ts'
import { formatSize, formatTime } from './units.ts'
import { UsageError } from './usage-error.ts'

/* Values of settings as they are typed, and as JSON in the API. */

/**
 * A value as it was typed, for the API, which says what is wrong with it.
 *
 * @throws {UsageError} where JSON or a number is meant, and it is none
 */
export function readValue(name: string, text: string): unknown {
  const typed = text.trim()
  if (typed.startsWith('{')) return parseJson(name, typed)
  switch (kindOf(name)) {
    case 'number':
      return readNumber(name, typed)
    case 'ignore':
      return readIgnore(typed)
    case 'waiting':
      return typed === 'on' ? {} : typed
    case 'access':
      throw new UsageError(
        'access is written as JSON, e.g. access=\'{"rate": "20/s"}\'; `access set` has options for it',
      )
    default:
      return typed
  }
}

function readNumber(name: string, typed: string): number {
  if (/^-?(\d+\.?\d*|\.\d+)$/.test(typed)) return Number(typed)
  throw new UsageError(`${name}: "${typed}" is not a number; accepted: ${settings[name]?.accepted}`)
}

/** `/health,monitors`: paths begin with a slash, the others are parts of User-Agents; `none`: nothing. */
function readIgnore(typed: string): unknown {
  if (typed === 'none') return {}
  const parts = typed.split(',').flatMap(part => part.trim() || [])
  if (parts.length === 0)
    throw new UsageError('ignore names nothing; accepted: e.g. /health,monitors, or none')
  const paths = parts.filter(part => part.startsWith('/'))
  const userAgents = parts.filter(part => !part.startsWith('/'))
  return { ...(paths.length > 0 ? { paths } : {}), ...(userAgents.length > 0 ? { userAgents } : {}) }
}

function parseJson(name: string, typed: string): unknown {
  try {
    return JSON.parse(typed)
  } catch {
    throw new UsageError(
      `${name} is no JSON; accepted: e.g. ${name}='{"…": "…"}', in single quotes for the shell`,
    )
  }
}

/** A value that the API gives, for people. */
export function showValue(name: string, value: unknown): string {
  const kind = kindOf(name)
  if (typeof value === 'number') return (kind && NUMBERS[kind])?.(value) ?? String(value)
  if (typeof value === 'string') return named(value)
  if (kind === 'ignore') return showIgnore(value)
  if (kind === 'waiting' && Object.keys(value ?? {}).length === 0) return 'on'
  if (value === undefined || value === null) return kind === 'time' ? 'never' : '–'
  return oneLine(value)
}

const NUMBERS: Readonly<Partial<Record<Kind, (value: number) => string>>> = {
  size: formatSize,
  time: formatTime,
}

/** Both lists are named: a path whose slash was forgotten is a part of User-Agents. */
function showIgnore(value: unknown): string {
  const { paths = [], userAgents = [] } = (value ?? {}) as Record<string, readonly string[]>
  const lists: [string, readonly string[]][] = [
    ['paths', paths],
    ['User-Agents', userAgents],
  ]
  const shown = lists.filter(([, list]) => list.length > 0).map(([what, list]) => `${what} ${listed(list)}`)
  return shown.join('; ') || 'none'
}

function listed(list: readonly string[]): string {
  return list.map(part => (/[,;\s]/.test(part) ? oneLine(part) : named(part))).join(', ')
}
