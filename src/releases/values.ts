import { z } from 'zod'

/* Values of settings as people write them. */

/** Parses `128m`, `1g`, `700MB`, `1073741824` into bytes; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim())
  if (!match) return undefined
  const power = ' kmgt'.indexOf((match[2] || ' ').toLowerCase())
  const bytes = Math.floor(Number(match[1]) * 1024 ** power)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Parses `250ms`, `30s`, `5m`, `2h`, `1d` into whole milliseconds; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (!match) return undefined
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'ms']
  return Math.round(Number(match[1]) * unit)
}

/** A size as written by people, e.g. `"256m"`, read into bytes. */
export const Size = sizeWithin(1, Number.MAX_SAFE_INTEGER, 'accepted: e.g. "128m", "1g"')

/** A {@link Size} within bounds, bytes, which `accepted` names. */
export function sizeWithin(least: number, most: number, accepted: string) {
  const fits = (bytes: number | undefined) => bytes !== undefined && bytes >= least && bytes <= most
  return z
    .union([z.number().int().positive(), z.string()], 'accepted: bytes as a number, or e.g. "128m", "1g"')
    .transform((value, context) => {
      const bytes = typeof value === 'number' ? value : parseSize(value)
      if (bytes && fits(bytes)) return bytes
      const inMegabytes = `${value}m`.replace(/\s/g, '')
      if (!bytes) context.addIssue(`"${value}" is not a size; accepted: e.g. "128m", "1g"`)
      // Bytes are what nobody means who writes so few.
      else if (/^[\d.]+m$/.test(inMegabytes) && fits(parseSize(inMegabytes)))
        context.addIssue(`"${value}" has no unit, which means bytes; ${accepted}, e.g. "${inMegabytes}"`)
      else context.addIssue(accepted)
      return z.NEVER
    })
}

const DURATIONS = 'accepted: e.g. "500ms", "30s", "5m", "2h"'

/** A duration as written by people, e.g. `"5m"`, read into milliseconds. */
export const Duration = durationOr(DURATIONS)

/**
 * A {@link Duration} where some would write that it is never over.
 *
 * @param never what is accepted in place of `"off"`
 */
export function durationOr(never: string) {
  return z.string(DURATIONS).transform((value, context) => {
    const ms = parseDuration(value)
    if (ms !== undefined && Number.isSafeInteger(ms)) return ms
    const accepted = /^(off|never|none|no|false|0)$/i.test(value.trim()) ? never : DURATIONS
    context.addIssue(`"${value}" is not a duration; ${accepted}`)
    return z.NEVER
  })
}
