import type { z } from 'zod'
import { nearest } from '../nearest.ts'

type ErrorMap = z.core.$ZodErrorMap

/**
 * What is said of a value that a schema has no words of its own for: what is accepted there. To be given to
 * `safeParse` as its `error`.
 */
export const inWords: ErrorMap = issue => {
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownName(String((issue.keys as string[])[0]), keysOf(issue.inst))
    case 'invalid_type':
      return `accepted: ${TYPES[String(issue.expected)] ?? issue.expected}`
    case 'too_small':
      if (issue.minimum === 1 && issue.origin in UNITS) return 'accepted: not an empty one'
      return `accepted: ${issue.minimum}${unitOf(issue.origin)} and more`
    case 'too_big':
      return `accepted: at most ${issue.maximum}${unitOf(issue.origin)}`
    case 'invalid_value':
      return `accepted: ${choice((issue.values as unknown[]).map(value => JSON.stringify(value)))}`
    case 'invalid_format':
      return issue.format === 'starts_with'
        ? `accepted: a text that begins with "${issue.prefix}"`
        : undefined
    default:
      return undefined
  }
}

/** A member that there is not: the one that is meant or, where it is like none, all that there are. */
function unknownName(name: string, known: string[]): string {
  const meant = nearest(name, known)
  const unknown = `there is no setting ${JSON.stringify(name)}`
  return meant ? `${unknown}; did you mean ${meant}?` : `${unknown}; accepted: ${known.join(', ')}`
}

function choice(values: string[]): string {
  return [values.slice(0, -1).join(', '), ...values.slice(-1)].filter(Boolean).join(' or ')
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' }

function unitOf(origin: string): string {
  return UNITS[origin] ?? ''
}

/** The members that an object's schema knows. */
function keysOf(schema: unknown): string[] {
  return Object.keys((schema as z.ZodObject | undefined)?.shape ?? {})
}
