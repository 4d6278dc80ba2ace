import { z } from 'zod'
import { parseNetwork } from '../networks.ts'
import { PASSWORD_HASH } from '../passwords.ts'
import { Duration, parseDuration, Size } from './values.ts'

/** Requests of one address: `requests` in every `per` ms, of which `burst` may come at once. */
export type Rate = { requests: number; per: number; burst: number }

/** Parses `20/s`, `600/m`, `5/10s`; undefined when it is no rate. All of a period's requests may come at once. */
export function parseRate(text: string): Rate | undefined {
  const match = /^(\d{1,7})\/(\d{0,6})(s|m|h|d)$/.exec(text.trim())
  if (!match) return undefined
  const requests = Number(match[1])
  const per = parseDuration(`${match[2] || 1}${match[3]}`)
  return per === undefined ? undefined : { requests, per, burst: requests }
}

const RATE = 'accepted: e.g. "20/s", "600/m", or {"requests": 20, "per": "1s", "burst": 40}'
const day = 86_400_000

/** A time as {@link Duration}, or in ms as it is stored. */
const Time = z.union([z.number(), Duration], 'accepted: e.g. "500ms", "30s", "5m", or ms as a number')

const Count = z.number().int().min(1).max(1_000_000)

const RateSetting = z
  .union([z.string(), z.strictObject({ requests: Count, per: Time, burst: Count.optional() })], RATE)
  .transform((value, context): Rate => {
    const rate =
      typeof value === 'string' ? parseRate(value) : { ...value, burst: value.burst ?? value.requests }
    const isSane =
      rate && rate.requests >= 1 && rate.requests <= 1_000_000 && rate.per >= 1 && rate.per <= day
    if (isSane) return rate
    context.addIssue(typeof value === 'string' ? `"${value}" is not a rate; ${RATE}` : RATE)
    return z.NEVER
  })

const Network = z.string().refine(text => parseNetwork(text) !== undefined, {
  error: ({ input }) =>
    `"${input}" is not an address or a network; accepted: e.g. "192.0.2.7", "10.0.0.0/8", "2001:db8::/32"`,
})
const Networks = z.array(Network).max(1000, 'accepted: at most 1000 networks')

/** Users of basic auth of one app. Each new password costs a fifth of a second of a core. */
export const mostUsers = 100

/** What a user of basic auth may be called (RFC 7617 excludes the colon). */
export const UserName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/)

/**
 * Who may come to an app, and how much of it they get, decided before it is woken. Sizes in bytes, times in ms.
 */
export const Access = z.strictObject({
  allow: Networks.optional().describe('Addresses and networks that may come, e.g. "10.0.0.0/8"; empty: all.'),
  deny: Networks.optional().describe(
    'Addresses and networks that may not come, also where "allow" has them.',
  ),
  auth: z
    .record(UserName, z.string().regex(PASSWORD_HASH).nullable())
    .refine(users => Object.keys(users).length <= mostUsers, `accepted: at most ${mostUsers} users`)
    .optional()
    .describe('Hashes of passwords by user; null: none was set, and nobody comes in by that name.'),
  rate: RateSetting.optional().describe(
    'Requests that one address may send, e.g. "20/s". An IPv6 address is its network of 64 bits.',
  ),
  maxBody: Size.optional().describe('Bytes that a request’s body may have, e.g. "1m".'),
  concurrency: Count.max(65_536)
    .optional()
    .describe('Requests that the app gets at the same time; more wait.'),
  queue: z
    .number()
    .int()
    .min(0)
    .max(65_536)
    .optional()
    .describe('Requests that may wait where "concurrency" is reached; 100 when left out.'),
  queueTimeout: Time.refine(ms => ms >= 100 && ms <= 600_000, 'accepted: 100ms to 10m')
    .optional()
    .describe('How long they wait, e.g. "10s"; 30s when left out.'),
})
export type Access = z.infer<typeof Access>

/** The rules that an upload may bring: passwords would be in its image, for every reader of it to try. */
export const UploadedAccess = Access.extend({
  auth: z
    .never('passwords do not belong in an upload; set them with "dormice access set"')
    .optional()
    .describe('Not accepted here: set users with "dormice access set".'),
})
