import { z } from 'zod'

/** Parses `128m`, `1g`, `700MB`, `1073741824` into bytes; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim())
  if (!match) return undefined
  const power = ' kmgt'.indexOf((match[2] || ' ').toLowerCase())
  return Math.floor(Number(match[1]) * 1024 ** power)
}

/** Parses `250ms`, `30s`, `5m`, `2h`, `1d` into milliseconds; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (!match) return undefined
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'ms']
  return Number(match[1]) * unit
}

/** A size as written by people, e.g. `"256m"`, read into bytes. */
export const Size = z.union([z.number().int().positive(), z.string()]).transform((value, context) => {
  const bytes = typeof value === 'number' ? value : parseSize(value)
  if (bytes === undefined) context.addIssue(`"${value}" is not a size; accepted: e.g. "128m", "1g"`)
  return bytes ?? z.NEVER
})

/** A duration as written by people, e.g. `"5m"`, read into milliseconds. */
export const Duration = z.string().transform((value, context) => {
  const ms = parseDuration(value)
  if (ms === undefined)
    context.addIssue(`"${value}" is not a duration; accepted: e.g. "500ms", "30s", "5m", "2h"`)
  return ms ?? z.NEVER
})

const MiB = 1024 * 1024

/** Settings of an app that `dormice.json` and `PATCH /v1/apps/:app` share. Sizes in bytes, times in ms. */
export const AppSettings = z.object({
  memory: Size.refine(
    bytes => bytes >= 16 * MiB && bytes <= 64 * 1024 * MiB,
    'accepted: 16m to 64g',
  ).optional(),
  cpu: z.number().min(0.05).max(64).optional(),
  pids: z.number().int().min(16).max(32_768).optional(),
  freezeAfter: Duration.optional(),
  sleepAfter: Duration.refine(ms => ms >= 1000, 'accepted: 1s and more').optional(),
  wakeTimeout: Duration.refine(ms => ms >= 1000 && ms <= 600_000, 'accepted: 1s to 10m').optional(),
  startTimeout: Duration.refine(ms => ms >= 1000 && ms <= 600_000, 'accepted: 1s to 10m').optional(),
  maxWaiting: z.number().int().min(1).max(65_536).optional(),
})
export type AppSettings = z.infer<typeof AppSettings>

/** `dormice.json` at the root of an upload. Unknown keys are refused, so that a typing error is seen. */
export const Manifest = AppSettings.extend({
  $schema: z.string().optional(),
  runtime: z.enum(['node', 'python', 'static', 'dockerfile']).optional(),
  build: z.string().min(1).optional(),
  start: z.string().min(1).optional(),
  port: z.number().int().min(1).max(65_535).optional(),
  health: z.string().startsWith('/').optional(),
  state: z.enum(['keep', 'discard']).optional(),
}).strict()
export type Manifest = z.infer<typeof Manifest>
