import type { Confinement, ImageManifest, Labels } from '../engine/engine.ts'
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
  /** As of its last sleep; see `schema.ts`. */
  lastUsed: number | null
  /** Bytes. */
  peakMemory: number | null
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

export type Release = {
  app: string
  number: number
  createdAt: number
  /** Immutable tag on the engine. */
  image: string
  spec: ReleaseSpec
  /** Bytes of all layers. */
  size: number
  layers: number
}

/** What an upload held: SHA-256 of each file, hex, by its path in the upload. */
export type ReleaseFiles = ReadonlyMap<string, string>

/** Why a snapshot was taken. */
export type SnapshotReason =
  | 'idle'
  | 'memory'
  | 'manual'
  /** Asked for, of a running app or of one that sleeps. */
  | 'snapshot'
  | 'deploy'
  | 'restart'
  | 'shutdown'
  | 'crash'
  | 'recovery'
  /** What the app had written, put onto another release. */
  | 'carried'
  /** The state before a rollback, and the state that it went back to. */
  | 'rollback'
  /** Of a running app, to fork or to export it; or what an app began with that is a fork or an import. */
  | 'fork'
  | 'export'
  | 'import'

/** How many paths a snapshot added, changed and deleted. */
export type ChangeCounts = { added: number; changed: number; deleted: number }

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
  /** See `schema.ts`. */
  generation: number
  /** Bytes of what it added to the image that it was made on. */
  bytes: number
  /** Retention leaves it alone. */
  pinned: boolean
  /** Number of the snapshot that it repeats, when it came of a rollback. */
  source: number | null
  /** Null until its layer was read. */
  changed: ChangeCounts | null
}

/** An image of which every layer is in the data folder, and what it takes to make it again. */
export type Copy = { manifest: ImageManifest; labels: Labels }

/** How a domain was shown to be its app's; see `domains/verdict.ts`. */
export type Proof = 'txt' | 'cname' | 'http'

/** A custom domain of an app, and what is known of its twin, the name with or without `www.`. */
export type Domain = {
  /** Lower case, ASCII. */
  domain: string
  app: string
  createdAt: number
  /** Null until it was shown to be its app's. */
  proof: Proof | null
  verifiedAt: number | null
  /** Null until the twin was shown to be the app's as well. */
  twinProof: Proof | null
}

/** What the next wake of an app starts from. */
export type Launch = {
  app: App
  release: Release
  /** Image to start: the current snapshot's, else the release's. */
  image: string
  /** Bytes of all layers of that image. */
  size: number
  /** The app's own environment. */
  env: Readonly<Record<string, string>>
}

/** What requests were held for; `none`: their app was awake. */
export type HeldFor = 'none' | 'cold' | 'frozen'

/** What an app was asked in a time. */
export type TrafficFigures = {
  /** Requests by the hundreds of their status, 1xx to 5xx, at 1 to 5; at 0 those that nobody answered. */
  statuses: number[]
  /** Requests that were broken off, by whom. */
  aborted: { visitor: number; app: number; edge: number }
  /** Requests that the edge answered in the app's place. */
  byEdge: number
  /** Bytes of requests. */
  received: number
  /** Bytes of answers. */
  sent: number
  /** First requests after a wake. */
  wakes: number
  /**
   * How many of those that the app answered took how long until the answer began, by what they were held for: bucket,
   * how many, bucket, how many, …; see `traffic/latency.ts`.
   */
  latency: { [heldFor in HeldFor]?: number[] }
}

/** The figures of one app and one hour, which began at `hour`, epoch ms. */
export type TrafficHour = { app: string; hour: number; figures: TrafficFigures }

/** What became of one wake of an app, and what the time went to. */
export type WakeTrace = {
  app: string
  /** When it was asked for, epoch ms. */
  at: number
  kind: 'cold' | 'frozen'
  /** `awake`, or the code of the problem that those who waited were told. */
  outcome: string
  /** How long it took, until it was known to have failed where it did; tenths. */
  ms: number
  /** What that consisted of, ms, one after the other; of one that failed what is known. */
  parts: readonly { name: string; ms: number }[]
}

/**
 * An app had as much memory as it may have, and wanted more. `killed`: the kernel has ended one of its processes for it,
 * or all; `full`: it went on for a while, slowly, by giving up what it then had to read again.
 */
export type Overrun = {
  app: string
  kind: 'killed' | 'full'
  /** The limit that it had, bytes. */
  limit: number
  /** When that was first, and when last, epoch ms, and how often. */
  at: number
  until: number
  times: number
}
