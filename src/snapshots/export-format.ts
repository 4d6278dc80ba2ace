import { z } from 'zod'
import { AppSettings } from '../releases/manifest.ts'

const Layer = z.string().regex(/^sha256:[0-9a-f]{64}$/)

/** The engine takes no image of more. */
const maxLayers = 127

const Text = z.string().max(32 * 1024)
const Texts = z.array(Text).nullish()
const Keys = z.record(Text, z.looseObject({}).nullable()).nullish()

/** Epoch ms that a `Date` can be of. */
const Time = z.number().int().min(0).max(8.64e15)
const EnvName = z.string().regex(/^[^=\0]{1,256}$/, 'accepted: up to 256 characters without "="')

/** What the engine would refuse to load is refused before: it says so in words that help nobody. */
const Config = z.looseObject({
  architecture: Text,
  os: z.literal('linux'),
  variant: Text.optional(),
  created: z.iso.datetime({ offset: true }).optional(),
  author: Text.optional(),
  config: z
    .looseObject({
      User: Text.nullish(),
      ExposedPorts: Keys,
      Env: Texts,
      Entrypoint: Texts,
      Cmd: Texts,
      Volumes: Keys,
      WorkingDir: Text.nullish(),
      StopSignal: Text.nullish(),
      Shell: Texts,
      ArgsEscaped: z.boolean().nullish(),
      OnBuild: Texts,
    })
    .optional(),
})

const Manifest = z.object({
  config: z
    .string()
    .max(1024 * 1024)
    .superRefine((text, context) => {
      const issue = issueOf(text, Config)
      if (issue) context.addIssue(issue)
    }),
  layers: z.array(Layer).min(1).max(maxLayers),
})

const durations: ReadonlySet<string> = new Set(['freezeAfter', 'sleepAfter', 'wakeTimeout', 'startTimeout'])

/**
 * Settings as they are stored, sizes in bytes and times in ms. The same is accepted as by every other way to set
 * them: a limit of 0 would be none.
 */
const Settings = z.record(z.string(), z.unknown()).transform((stored, context) => {
  const written = Object.entries(stored).map(([key, value]) => [
    key,
    durations.has(key) ? `${value}ms` : value,
  ])
  const parsed = AppSettings.strict().safeParse(Object.fromEntries(written))
  if (parsed.success) return parsed.data
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message })
  return z.NEVER
})

/**
 * `app.json`, the first entry of an export. Every layer that its images name follows as `layers/<hex>.tar.gz`. The
 * values of the environment are secrets and stay where they are: only their names are in it.
 */
export const ExportedApp = z
  .strictObject({
    format: z.literal(1),
    name: z.string().max(40),
    exportedAt: z.iso.datetime(),
    settings: Settings,
    env: z.array(z.string().max(256)).max(10_000),
    release: z.strictObject({
      createdAt: Time,
      spec: z.strictObject({
        runtime: z.enum(['node', 'python', 'static', 'dockerfile', 'image']),
        command: z.array(Text).min(1).max(1000),
        port: z.number().int().min(1).max(65_535),
        env: z.record(
          EnvName,
          Text.refine(value => !value.includes('\0'), 'accepted: text without NUL'),
        ),
        confinement: z.enum(['confined', 'image']),
        health: z.string().startsWith('/').max(2000).optional(),
        state: z.enum(['keep', 'discard']),
        settings: Settings,
        source: z.union([
          z.strictObject({ kind: z.literal('upload'), sha256: z.string().max(64), bytes: z.number() }),
          z.strictObject({ kind: z.literal('image'), reference: z.string().max(500) }),
        ]),
      }),
      files: z.array(z.tuple([z.string().max(4096), z.string().max(4200)])).max(200_000),
      image: Manifest,
    }),
    /** Null: it has written nothing. */
    state: z.strictObject({ createdAt: Time, image: Manifest }).nullable(),
  })
  .refine(liesOnRelease, { path: ['state', 'image', 'layers'], error: 'they do not lie on the release’s' })
export type ExportedApp = z.infer<typeof ExportedApp>

/** What is merged, or put onto another release, is what lies on the release's layers. */
function liesOnRelease({
  release,
  state,
}: {
  release: { image: Image }
  state: { image: Image } | null
}): boolean {
  const above = state?.image.layers
  return !above || release.image.layers.every((layer, n) => layer === above[n])
}
type Image = z.infer<typeof Manifest>

/** What is wrong with a text that has to be JSON of that shape; undefined: nothing. */
function issueOf(text: string, shape: z.ZodType): string | undefined {
  try {
    const [issue] = shape.safeParse(JSON.parse(text)).error?.issues ?? []
    return issue && `${issue.path.join('.')}: ${issue.message}`
  } catch {
    return 'it is no JSON'
  }
}

/**
 * Settings without the hashes of passwords. The users stay, so that what is imported is not open to all; nobody comes
 * in as one of them until a password is set.
 */
export function exportedSettings({ access, ...settings }: AppSettings): AppSettings {
  if (access === undefined) return settings
  if (access.auth === undefined) return { ...settings, access }
  const users = Object.keys(access.auth).map(user => [user, null] as const)
  return { ...settings, access: { ...access, auth: Object.fromEntries(users) } }
}

/** Name of a layer's entry. */
export function layerEntry(layer: string): string {
  return `layers/${layer.replace('sha256:', '')}.tar.gz`
}

/** Undoes {@link layerEntry}; undefined for any other name. */
export function layerOf(entry: string): string | undefined {
  const match = /^layers\/([0-9a-f]{64})\.tar\.gz$/.exec(entry)
  return match ? `sha256:${match[1]}` : undefined
}
