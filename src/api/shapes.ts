import { z } from '@hono/zod-openapi'
import { Ignore } from '../releases/ignore.ts'
import { Waiting } from '../releases/waiting.ts'

/* What the control API answers with: the shapes that users script against. Times are ISO 8601, sizes bytes. */

export const StateShape = z.enum(['asleep', 'waking', 'awake', 'frozen', 'falling-asleep', 'crashed', 'lost'])

/** A rate as it is shown; `per` in ms. */
const RateShape = z.object({ requests: z.number().int(), per: z.number(), burst: z.number().int() })

/** Access rules as they are shown. */
export const AccessShape = z
  .object({
    allow: z.array(z.string()).optional().openapi({ description: 'only these may come; empty: all' }),
    deny: z.array(z.string()).optional().openapi({ description: 'these may not, whatever `allow` says' }),
    auth: z.array(z.string()).optional().openapi({
      description: 'users of basic auth; their passwords are never shown',
    }),
    rate: RateShape.optional().openapi({ description: 'requests of one address in `per` ms' }),
    maxBody: z.number().int().optional().openapi({ description: 'bytes of a request’s body' }),
    concurrency: z.number().int().optional().openapi({ description: 'requests that the app gets at once' }),
    queue: z.number().int().optional().openapi({ description: 'requests that may wait for their turn' }),
    queueTimeout: z.number().optional().openapi({ description: 'ms that they wait' }),
  })
  .openapi('Access')
export type AccessShape = z.infer<typeof AccessShape>

export const OverrunShape = z
  .object({
    kind: z.enum(['killed', 'full']).openapi({
      description:
        '`killed`: a process of it was ended for want of memory, or all; `full`: it stayed at its limit for a while, and was slow',
    }),
    limit: z.number().int().openapi({ description: 'the limit that it had, bytes' }),
    at: z.iso.datetime().openapi({ description: 'when that was first' }),
    until: z.iso.datetime().openapi({ description: 'and when last, less than an hour apart' }),
    times: z.number().int(),
  })
  .openapi('Overrun')
export type OverrunShape = z.infer<typeof OverrunShape>

export const AppShape = z
  .object({
    name: z.string(),
    url: z.string(),
    state: StateShape,
    runtime: z.string().nullable().openapi({ description: 'null until the first deploy succeeded' }),
    release: z.number().int().nullable(),
    snapshot: z.number().int().nullable().openapi({ description: 'null: its disk is the release’s' }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'when it last woke or ended a request; null: never' }),
    memory: z
      .object({
        now: z.number().int().nullable().openapi({ description: 'what it has now; null: it does not run' }),
        peak: z.number().int().nullable().openapi({ description: 'the most that it is known to need' }),
        suggested: z.number().int().nullable().openapi({
          description:
            'a limit that would fit better than the one it has; null: it fits, or too little is known',
        }),
      })
      .openapi({ description: 'bytes of its processes, as the kernel counts them' }),
    requests: z.object({ running: z.number().int(), waiting: z.number().int() }),
    settings: z.object({
      memory: z.number().int(),
      cpu: z.number(),
      pids: z.number().int(),
      sleepAfter: z.number().int().openapi({ description: 'ms' }),
      freeze: z.enum(['auto', 'off']),
      freezeAfter: z.number().int().nullable().openapi({ description: 'ms; null: it is never frozen' }),
      idle: z
        .enum(['requests', 'cpu', 'connections'])
        .openapi({ description: 'what keeps it awake: requests, and CPU used or connections opened by it' }),
      wakeTimeout: z.number().int().openapi({ description: 'ms' }),
      startTimeout: z.number().int().openapi({ description: 'ms' }),
      maxWaiting: z.number().int(),
      disk: z.number().int().openapi({ description: 'bytes that its snapshots may take' }),
      ignore: Ignore.nullable().openapi({ description: 'null: every request counts, and wakes the app' }),
      waiting: Waiting.nullable().openapi({ description: 'null: the waiting page as it comes' }),
      access: AccessShape.nullable().openapi({
        description: 'null: everybody may come, as often as they like',
      }),
    }),
    settingSources: z.record(z.string(), z.enum(['set', 'dormice.json', 'default'])).openapi({
      description:
        'where each comes from, by its name; `set`: by PATCH. Rules of `access` one by one, as `access.rate`',
    }),
    pendingSettings: z.array(z.string()).openapi({
      description: 'settings that its running container was created without: they apply once it has slept',
    }),
    failure: z
      .object({ at: z.iso.datetime(), message: z.string(), log: z.string(), retryAt: z.iso.datetime() })
      .nullable(),
    overrun: OverrunShape.nullable().openapi({
      description: 'when it last reached its memory limit; null: never',
    }),
  })
  .openapi('App')
export type AppShape = z.infer<typeof AppShape>

export const HostMemoryShape = z
  .object({
    budget: z.number().int().openapi({ description: 'bytes for all apps together' }),
    charged: z.number().int().openapi({
      description: 'bytes of it that apps which are awake or frozen have, or are known to need',
    }),
  })
  .openapi('HostMemory')
export type HostMemoryShape = z.infer<typeof HostMemoryShape>

export const ReleaseShape = z
  .object({
    app: z.string(),
    number: z.number().int(),
    current: z.boolean(),
    runtime: z.string(),
    createdAt: z.iso.datetime(),
    source: z.union([
      z.object({ kind: z.literal('upload'), sha256: z.string(), bytes: z.number().int() }),
      z.object({ kind: z.literal('image'), reference: z.string() }),
    ]),
  })
  .openapi('Release')
export type ReleaseShape = z.infer<typeof ReleaseShape>

const counts = { added: z.number().int(), changed: z.number().int(), deleted: z.number().int() }

export const SnapshotShape = z
  .object({
    app: z.string(),
    number: z.number().int(),
    current: z.boolean(),
    release: z.number().int(),
    createdAt: z.iso.datetime(),
    reason: z.string().openapi({
      description:
        'why it was taken, e.g. idle, memory, manual (put to sleep by hand), snapshot, deploy, rollback',
    }),
    image: z.string(),
    size: z.number().int().openapi({ description: 'bytes of all layers' }),
    layers: z.number().int(),
    bytes: z.number().int().openapi({ description: 'bytes that it added to what it was made on' }),
    pinned: z.boolean().openapi({ description: 'never deleted to save space' }),
    source: z
      .number()
      .int()
      .nullable()
      .openapi({ description: 'the snapshot that it repeats, after a rollback' }),
    changed: z
      .object(counts)
      .nullable()
      .openapi({ description: 'how many paths; null until its layer was read' }),
  })
  .openapi('Snapshot')
export type SnapshotShape = z.infer<typeof SnapshotShape>

export const TakenShape = z
  .object({
    taken: z.boolean().openapi({ description: 'false: nothing was written since the newest snapshot' }),
    snapshot: SnapshotShape.nullable().openapi({ description: 'null: the app never wrote anything' }),
  })
  .openapi('Taken')
export type TakenShape = z.infer<typeof TakenShape>

export const ChangesShape = z
  .object({
    changes: z.array(z.object({ path: z.string(), kind: z.enum(['added', 'changed', 'deleted']) })),
    total: z.object(counts),
    truncated: z
      .boolean()
      .openapi({ description: 'there are more than are listed; `total` counts them all' }),
  })
  .openapi('Changes')
export type ChangesShape = z.infer<typeof ChangesShape>

export const RestoredShape = z
  .object({
    restored: z.array(z.string()).openapi({ description: 'images that the engine has again' }),
    missing: z.array(z.string()).openapi({ description: 'images of which there is no copy either' }),
  })
  .openapi('Restored')
export type RestoredShape = z.infer<typeof RestoredShape>

export const EnvKeyShape = z.object({ key: z.string(), updatedAt: z.iso.datetime() }).openapi('EnvKey')
export type EnvKeyShape = z.infer<typeof EnvKeyShape>

const ProofShape = z.enum(['cname', 'txt', 'http'])
const look = {
  checkedAt: z.iso
    .datetime()
    .nullable()
    .openapi({ description: 'null: not looked at since the host started' }),
  pointsHere: z.boolean().nullable().openapi({ description: 'whether its visitors come to this host' }),
  checks: z
    .array(z.object({ method: ProofShape, ok: z.boolean(), detail: z.string() }))
    .openapi({ description: 'what was found when it was last looked at' }),
}
const RecordsShape = z
  .array(
    z.object({
      purpose: z.enum(['both', 'visitors', 'owner']).openapi({
        description:
          'visitors: it leads them here; owner: it shows whose the name is, while they still go elsewhere',
      }),
      type: z.enum(['CNAME', 'A', 'AAAA', 'TXT']),
      name: z.string(),
      value: z.string().nullable().openapi({ description: 'null: the address of this server' }),
    }),
  )
  .openapi({
    description: 'what to make in DNS: those for visitors; the one for the owner is enough to show it',
  })
const DomainState = z
  .enum(['pending', 'verified'])
  .openapi({ description: 'pending: it was not shown yet to be the app’s, and is not served' })

export const DomainShape = z
  .object({
    domain: z.string().openapi({ description: 'lower case; an international name as punycode' }),
    app: z.string(),
    url: z.string(),
    state: DomainState,
    proof: ProofShape.nullable().openapi({ description: 'how it was shown to be the app’s' }),
    createdAt: z.iso.datetime(),
    verifiedAt: z.iso.datetime().nullable(),
    target: z.string().openapi({ description: 'the app’s own name on this host, which a CNAME names' }),
    apex: z
      .boolean()
      .nullable()
      .openapi({ description: 'whether it is the top of its zone, which cannot have a CNAME' }),
    records: RecordsShape,
    file: z
      .object({ url: z.string(), content: z.string() })
      .openapi({ description: 'what shows it as well, where the name is served now' }),
    ...look,
    nextCheckAt: z.iso.datetime().nullable().openapi({ description: 'null: nothing is waited for' }),
    redirectFrom: z
      .object({
        domain: z.string(),
        state: DomainState,
        proof: ProofShape.nullable(),
        records: RecordsShape,
        ...look,
      })
      .nullable()
      .openapi({
        description: 'the name with or without www, whose visitors are sent on once it is verified',
      }),
  })
  .openapi('Domain')
export type DomainShape = z.infer<typeof DomainShape>

export const LogLineShape = z
  .object({ at: z.iso.datetime(), stream: z.enum(['stdout', 'stderr']), text: z.string() })
  .openapi('LogLine')
export type LogLineShape = z.infer<typeof LogLineShape>

/** How long requests took until their answers began, ms; each to a tenth of itself. */
export const LatencyShape = z
  .object({ requests: z.number().int(), p50: z.number(), p95: z.number(), p99: z.number() })
  .openapi('Latency', { description: 'milliseconds until the answer began, each to a tenth of itself' })
export type LatencyShape = z.infer<typeof LatencyShape>

export const TrafficShape = z
  .object({
    requests: z.number().int(),
    statuses: z.object({
      '1xx': z.number().int().openapi({ description: 'connections that became something else: WebSockets' }),
      '2xx': z.number().int(),
      '3xx': z.number().int(),
      '4xx': z.number().int(),
      '5xx': z.number().int(),
    }),
    unanswered: z
      .number()
      .int()
      .openapi({ description: 'the visitor left, or was cut off, before an answer' }),
    aborted: z
      .object({ visitor: z.number().int(), app: z.number().int(), edge: z.number().int() })
      .openapi({ description: 'broken off, by whom; those that had begun are in `statuses` too' }),
    byEdge: z.number().int().openapi({ description: 'answered by Dormice in the app’s place' }),
    received: z.number().int().openapi({ description: 'bytes' }),
    sent: z.number().int().openapi({ description: 'bytes' }),
    wakes: z.number().int().openapi({ description: 'wakes that a request followed' }),
    latency: z
      .object({
        none: LatencyShape.nullable(),
        held: LatencyShape.nullable(),
        cold: LatencyShape.nullable(),
        frozen: LatencyShape.nullable(),
      })
      .openapi({
        description:
          'of what the app answered, by what it was held for: `held` is cold and frozen; null: none',
      }),
  })
  .openapi('Traffic')
export type TrafficShape = z.infer<typeof TrafficShape>

export const AppTrafficShape = z
  .object({
    app: z.string(),
    since: z.iso.datetime(),
    total: TrafficShape,
    hours: z
      .array(TrafficShape.extend({ hour: z.iso.datetime() }))
      .openapi({ description: 'those in which it was asked something, oldest first' }),
  })
  .openapi('AppTraffic')
export type AppTrafficShape = z.infer<typeof AppTrafficShape>

export const AllTrafficShape = z
  .object({
    since: z.iso.datetime(),
    apps: z
      .array(TrafficShape.extend({ app: z.string() }))
      .openapi({ description: 'those that were asked something, by name' }),
    unrouted: z.record(z.string(), z.number().int()).openapi({
      description: 'requests for no app since the start of the host, by the code of their answer',
    }),
  })
  .openapi('AllTraffic')
export type AllTrafficShape = z.infer<typeof AllTrafficShape>

export const WakeShape = z
  .object({
    at: z.iso.datetime().openapi({ description: 'when it was asked for' }),
    kind: z.enum(['cold', 'frozen']),
    outcome: z.string().openapi({
      description: '`awake`, or the code of what went wrong: app_crashed, no_memory, engine_unavailable, …',
    }),
    ms: z.number().openapi({ description: 'how long it took, or how long until it had failed' }),
    parts: z.record(z.string(), z.number()).openapi({
      description:
        'what that consisted of, ms: `queue` until the engine was asked, `create`, `start`, `ready` until its port answered; `thaw` of a frozen one. Of one that failed, what is known.',
    }),
  })
  .openapi('Wake')
export type WakeShape = z.infer<typeof WakeShape>

export const ProblemShape = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
  })
  .loose()
  .openapi('Problem')
export type ProblemShape = z.infer<typeof ProblemShape>

/**
 * One line of a deploy's progress (`Accept: application/x-ndjson`). The last line has `release` or `error`.
 */
export type DeployEvent =
  | { step: 'received' | 'detected' | 'building' | 'switching'; detail: string }
  | { log: string }
  | { release: ReleaseShape; url: string }
  | { error: ProblemShape }

export const TlsShape = z
  .object({
    mode: z.enum(['off', 'auto', 'files']),
    certificates: z
      .array(z.object({ names: z.array(z.string()), notAfter: z.iso.datetime() }))
      .openapi({ description: 'the ones that end first first' }),
    failures: z.array(
      z.object({
        subject: z.string().openapi({ description: 'a host’s name, or a file' }),
        detail: z.string(),
        since: z.iso.datetime(),
        retryAt: z.iso.datetime().openapi({ description: 'not tried again before' }),
        notAfter: z.iso.datetime().nullable().openapi({
          description:
            'until when the certificate from before is good, which goes on being served; null: none',
        }),
      }),
    ),
    unnamed: z.array(z.string()).openapi({
      description:
        'hosts that no certificate of `files` names, and that plain HTTP alone serves: `dormice.<domain>`, `*.<domain>` for the apps, verified custom domains',
    }),
  })
  .openapi('Tls')
export type TlsShape = z.infer<typeof TlsShape>
