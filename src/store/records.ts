import type { Confinement } from '../engine/engine.ts'
import type { AppSettings } from '../releases/manifest.ts'
import type { Plan } from '../releases/runtime.ts'

/** An app as stored. Times are epoch ms. */
export type App = {
  name: string
  createdAt: number
  settings: AppSettings
  /** See `schema.ts`. */
  generation: number
  release: number | null
  snapshot: number | null
  deletedAt: number | null
}

/** Everything a wake needs to run a release, resolved once at deploy. */
export type ReleaseSpec = {
  runtime: Plan['runtime']
  command: readonly string[]
  port: number
  env: Readonly<Record<string, string>>
  confinement: Confinement
  /** Path that answers once the app is ready; undefined: its port accepting connections is enough. */
  health?: string | undefined
  /** `discard`: what the app writes is dropped at every sleep. */
  state: 'keep' | 'discard'
  /** Settings of the upload's `dormice.json`; the app's own win. */
  settings: AppSettings
  source: { kind: 'upload'; sha256: string; bytes: number } | { kind: 'image'; reference: string }
}

export type Release = { app: string; number: number; createdAt: number; image: string; spec: ReleaseSpec }

/** Why a snapshot was taken. */
export type SnapshotReason =
  | 'idle'
  | 'memory'
  | 'manual'
  | 'deploy'
  | 'restart'
  | 'shutdown'
  | 'crash'
  | 'recovery'

export type Snapshot = {
  app: string
  number: number
  release: number
  createdAt: number
  reason: SnapshotReason
  image: string
  /** Bytes of all layers. */
  size: number
  layers: number
}

/** What the next wake of an app starts from. */
export type Launch = {
  app: App
  release: Release
  /** Image to start: the current snapshot's, else the release's. */
  image: string
  /** The app's own environment. */
  env: Readonly<Record<string, string>>
}
