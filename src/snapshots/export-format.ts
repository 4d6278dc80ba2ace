import { z } from 'zod'
import { AppSettings } from '../releases/manifest.ts'

const Layer = z.string().regex(/^sha256:[0-9a-f]{64}$/)

/** The engine takes no image of more. */
const maxLayers = 127

const Manifest = z.object({
  config: z.string().max(1024 * 1024),
  layers: z.array(Layer).min(1).max(maxLayers),
})

const Text = z.string().max(32 * 1024)

/**
 * `app.json`, the first entry of an export. Every layer that its images name follows as `layers/<hex>.tar.gz`. The
 * values of the environment are secrets and stay where they are: only their names are in it.
 */
export const ExportedApp = z.strictObject({
  format: z.literal(1),
  name: z.string().max(40),
  exportedAt: z.iso.datetime(),
  /** Sizes in bytes, times in ms. */
  settings: z.partialRecord(AppSettings.keyof(), z.number().nonnegative()),
  env: z.array(z.string().max(256)).max(10_000),
  release: z.strictObject({
    createdAt: z.number().int(),
    spec: z.strictObject({
      runtime: z.enum(['node', 'python', 'static', 'dockerfile', 'image']),
      command: z.array(Text).min(1).max(1000),
      port: z.number().int().min(1).max(65_535),
      env: z.record(z.string().max(256), Text),
      confinement: z.enum(['confined', 'image']),
      health: z.string().startsWith('/').max(2000).optional(),
      state: z.enum(['keep', 'discard']),
      settings: z.partialRecord(AppSettings.keyof(), z.number().nonnegative()),
      source: z.union([
        z.strictObject({ kind: z.literal('upload'), sha256: z.string().max(64), bytes: z.number() }),
        z.strictObject({ kind: z.literal('image'), reference: z.string().max(500) }),
      ]),
    }),
    files: z.array(z.tuple([z.string().max(4096), z.string().max(4200)])).max(1_000_000),
    image: Manifest,
  }),
  /** Null: it has written nothing. */
  state: z.strictObject({ createdAt: z.number().int(), image: Manifest }).nullable(),
})
export type ExportedApp = z.infer<typeof ExportedApp>

/** Name of a layer's entry. */
export function layerEntry(layer: string): string {
  return `layers/${layer.replace('sha256:', '')}.tar.gz`
}

/** Undoes {@link layerEntry}; undefined for any other name. */
export function layerOf(entry: string): string | undefined {
  const match = /^layers\/([0-9a-f]{64})\.tar\.gz$/.exec(entry)
  return match ? `sha256:${match[1]}` : undefined
}
