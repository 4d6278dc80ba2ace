import { availableParallelism } from 'node:os'
import type { Config } from '../config.ts'
import type { SetLimits } from '../engine/engine.ts'
import type { AppSettings } from '../releases/manifest.ts'
import type { ReleaseSpec } from '../store/records.ts'
import { type Rules, rulesOf } from './rules.ts'

const MiB = 1024 * 1024
/** The limit of an app that sets none, bytes. */
export const defaultMemory = 256 * MiB
/** Asked once: the system takes longer to tell than all the rest takes. */
const cores = availableParallelism()

/** An app's settings with every default filled in. Sizes in bytes, times in ms. */
export type EffectiveSettings = {
  memory: number
  cpu: number
  pids: number
  sleepAfter: number
  /** Idle time until it is frozen; undefined: it never is for idleness. */
  freezeAfter: number | undefined
  /** `off`: it is not frozen for whatever reason. */
  freeze: NonNullable<AppSettings['freeze']>
  /** What else than requests counts as activity: CPU time used, or connections opened. */
  idle: NonNullable<AppSettings['idle']>
  /** How long a request is held for a wake. */
  wakeTimeout: number
  /** How long a started container may take until its port answers. */
  startTimeout: number
  /** Bytes that its snapshots may take. */
  disk: number
  /** How many requests may wait for a wake. */
  maxWaiting: number
  rules: Rules | undefined
}

/** The settings that are a container's limits, which it has from its creation on. */
export const limitNames = ['memory', 'cpu', 'pids'] as const satisfies readonly (keyof SetLimits)[]
export type LimitName = (typeof limitNames)[number]

/** Which limits of a running container are not those that are set. */
export function differing(limits: SetLimits, set: EffectiveSettings): LimitName[] {
  // The engine counts billionths of a core.
  return limitNames.filter(name => Math.abs(limits[name] - set[name]) > 1e-9)
}

/** The app's own settings win over its `dormice.json`, and that over the host's defaults. */
export function effectiveSettings(
  config: Config,
  app: AppSettings,
  release: Pick<ReleaseSpec, 'settings'> | undefined,
): EffectiveSettings {
  const chosen = { ...release?.settings, ...app }
  return {
    memory: chosen.memory ?? defaultMemory,
    // The engine refuses more cores than the machine has.
    cpu: Math.min(chosen.cpu ?? 1, cores),
    pids: chosen.pids ?? 256,
    sleepAfter: chosen.sleepAfter ?? config.sleepAfter,
    freezeAfter: chosen.freezeAfter ?? config.freezeAfter,
    freeze: chosen.freeze ?? 'auto',
    idle: chosen.idle ?? 'requests',
    wakeTimeout: chosen.wakeTimeout ?? 30_000,
    startTimeout: chosen.startTimeout ?? 30_000,
    disk: chosen.disk ?? 2048 * MiB,
    maxWaiting: chosen.maxWaiting ?? 512,
    rules: rulesOf(app, release?.settings ?? {}),
  }
}
