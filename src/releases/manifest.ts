import { z } from 'zod'
import { Access, UploadedAccess } from './access.ts'
import { Ignore } from './ignore.ts'
import { Duration, durationOr, sizeWithin } from './values.ts'
import { Waiting } from './waiting.ts'

const MiB = 1024 * 1024
const NO_FREEZING = 'accepted: 1s and more, or freeze=off for an app that is not to be frozen'
const NO_SLEEP =
  'accepted: 1s and more, e.g. "365d" for an app that is to sleep for nothing but want of memory'

/** Settings of an app that `dormice.json` and `PATCH /v1/apps/:app` share. Sizes in bytes, times in ms. */
export const AppSettings = z.object({
  memory: sizeWithin(16 * MiB, 64 * 1024 * MiB, 'accepted: 16m to 64g')
    .optional()
    .describe('Memory limit, e.g. "256m". 16m to 64g.'),
  cpu: z.number().min(0.05).max(64).optional().describe('Cores, may be a fraction.'),
  pids: z.number().int().min(16).max(32_768).optional().describe('Processes and threads at most.'),
  freeze: z
    .enum(['auto', 'off'], 'accepted: "auto" or "off"')
    .optional()
    .describe(
      '"off": the app is never stopped where it is, which its clock and its connections would notice.',
    ),
  freezeAfter: durationOr(NO_FREEZING)
    .refine(ms => ms >= 1000, 'accepted: 1s and more')
    .optional()
    .describe('Idle time until the app is frozen, e.g. "30s".'),
  sleepAfter: durationOr(NO_SLEEP)
    .refine(ms => ms >= 1000, 'accepted: 1s and more')
    .optional()
    .describe('Idle time until the app is put to sleep, e.g. "5m".'),
  idle: z
    .enum(['requests', 'cpu', 'connections'], 'accepted: "requests", "cpu" or "connections"')
    .optional()
    .describe(
      'What keeps the app awake: requests alone, or also CPU time that it uses, or TCP connections that it has opened.',
    ),
  wakeTimeout: Duration.refine(ms => ms >= 1000 && ms <= 600_000, 'accepted: 1s to 10m')
    .optional()
    .describe('How long a request waits for the app to wake.'),
  startTimeout: Duration.refine(ms => ms >= 1000 && ms <= 600_000, 'accepted: 1s to 10m')
    .optional()
    .describe('How long the app may take to listen after its start.'),
  disk: sizeWithin(MiB, Number.MAX_SAFE_INTEGER, 'accepted: 1m and more')
    .optional()
    .describe('Bytes that its snapshots may take on the engine, e.g. "2g".'),
  maxWaiting: z
    .number()
    .int()
    .min(1)
    .max(65_536)
    .optional()
    .describe('Requests that may wait for a wake at the same time.'),
  ignore: Ignore.optional().describe(
    'GET and HEAD requests that do not wake the app, and do not count as activity while it is awake.',
  ),
  waiting: Waiting.optional().describe(
    'The page for browsers while the app wakes, where that takes more than two seconds; "off": they wait without one.',
  ),
  access: Access.optional().describe('Who may come to the app, and how much of it they get.'),
})
export type AppSettings = z.infer<typeof AppSettings>

/** `dormice.json` at the root of an upload. Unknown keys are refused, so that a typing error is seen. */
export const Manifest = AppSettings.extend({
  access: UploadedAccess.optional().describe('Who may come to the app, and how much of it they get.'),
  $schema: z.string().optional().describe('Address of this schema, for editors.'),
  runtime: z
    .enum(['node', 'python', 'static', 'dockerfile'])
    .optional()
    .describe('Runtime of the app; found by its files when left out.'),
  build: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Shell command that builds the app, instead of the runtime's own (npm ci, pip install and so on).",
    ),
  start: z.string().min(1).optional().describe('Shell command that starts the app; goes before a Procfile.'),
  port: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe('Port the app listens on; 8080 when left out. The app gets it as PORT.'),
  health: z
    .string()
    .startsWith('/')
    .optional()
    .describe('Path that answers below 500 when the app is ready; without it an open port is enough.'),
  state: z
    .enum(['keep', 'discard'])
    .optional()
    .describe('Whether the files that the app writes are kept across sleeps, or dropped at each.'),
}).strict()
export type Manifest = z.infer<typeof Manifest>
