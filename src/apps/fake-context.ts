import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { readConfig } from '../config.ts'
import { LayerStore } from '../layers/layer-store.ts'
import { silent } from '../log.ts'
import { Store } from '../store/store.ts'
import { AppLogs } from './app-logs.ts'
import type { Context } from './context.ts'
import { Deaths } from './deaths.ts'
import { Keeper } from './keeper.ts'
import { Overruns } from './overruns.ts'
import { WakeTraces } from './wake-traces.ts'

/** In what one test's host differs from another's. */
type Parts = Pick<Context, 'engine' | 'now'> &
  Partial<Pick<Context, 'log' | 'ready'>> & {
    /** Folder of the host; it may be an earlier one's. */
    data: string
    /** Environment of the host, e.g. `DORMICE_COMPACT_DEPTH`. */
    env?: Record<string, string>
    /** Bytes for all instances together. */
    budget?: number
  }

/** What a test's instances share: the real parts, around a fake engine. The caller disposes of the store. */
export function fakeContext({
  data,
  engine,
  now,
  env = {},
  budget = 1024 ** 3,
  log = silent,
  ready = async () => undefined,
}: Parts): Context {
  const store = new Store(join(data, 'dormice.db'))
  return {
    config: readConfig({ DORMICE_DATA: data, ...env }, { data }),
    store,
    engine,
    logs: new AppLogs(join(data, 'logs'), engine),
    keeper: new Keeper({ budget, now }),
    log,
    now,
    ready,
    lull: async () => undefined,
    layers: new LayerStore(join(data, 'layers')),
    step: () => undefined,
    compactIfUrgent: async () => undefined,
    starts: pLimit(2),
    url: app => `http://${app}.localhost`,
    origin: host => `http://${host}`,
    deaths: new Deaths(),
    wakes: new WakeTraces({ store, log, now }),
    overruns: new Overruns({ store, log, now }),
    changes: new EventEmitter<{ change: [app: string] }>().setMaxListeners(0),
  }
}
