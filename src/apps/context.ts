import type { EventEmitter } from 'node:events'
import type { LimitFunction } from 'p-limit'
import type { Config } from '../config.ts'
import type { Engine } from '../engine/engine.ts'
import type { LayerStore } from '../layers/layer-store.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/store.ts'
import type { AppLogs } from './app-logs.ts'
import type { Deaths } from './deaths.ts'
import type { Keeper } from './keeper.ts'
import type { Upstream } from './lease.ts'
import type { Overruns } from './overruns.ts'
import type { Step } from './steps.ts'
import type { WakeTraces } from './wake-traces.ts'

/** What the instances share; built once by the composition root. */
export type Context = {
  config: Config
  store: Store
  engine: Engine
  logs: AppLogs
  keeper: Keeper
  log: Log
  /** Epoch ms; tests pass their own. */
  now: () => number
  /** Waits until an instance answers; see `ready.ts`. */
  ready: (upstream: Upstream, health: string | undefined, signal: AbortSignal) => Promise<void>
  /** Waits between a freeze that is in no hurry and giving the memory back; rejects when the signal aborts. */
  lull: (signal: AbortSignal) => Promise<void>
  /** Layers that are kept in the data folder. */
  layers: LayerStore
  /** Called where a crash would leave something different behind; only tests give one that does something. */
  step: (step: Step) => void
  /** Keeps a sleeping app's layers from becoming too many for the engine; called in the app's turn. */
  compactIfUrgent: (app: string) => Promise<void>
  /** Bounds how many containers the engine starts at once: more at a time is slower for all of them. */
  starts: LimitFunction
  /** The app's public address. */
  url: (app: string) => string
  /** Where visitors find a host: an app's own or a custom domain. */
  origin: (host: string) => string
  deaths: Deaths
  wakes: WakeTraces
  overruns: Overruns
  /** Emits `change` with the app's name after every change of its state. */
  changes: EventEmitter<{ change: [app: string] }>
}
