import { once } from 'node:events'
import type { LogLine } from '../engine/engine.ts'
import type { Context } from './context.ts'
import type { Instance } from './instance.ts'

export type LogQuery = {
  /** Nothing older, epoch ms. */
  since?: number | undefined
  /** At most this many of the lines so far. */
  tail?: number | undefined
  /** Go on with new lines, across sleeps, until the signal aborts. */
  follow: boolean
  signal: AbortSignal
}

/** An app's log: lines kept from earlier containers, then those of the live one. */
export async function* readLog(
  context: Context,
  instance: Instance,
  query: LogQuery,
): AsyncGenerator<LogLine> {
  const { engine, logs, changes } = context
  const { since, tail = Number.POSITIVE_INFINITY, follow, signal } = query
  const bounds = { ...(since === undefined ? {} : { since }), ...(Number.isFinite(tail) ? { tail } : {}) }
  let container = instance.container
  const live = container === undefined ? [] : await Array.fromAsync(engine.logs(container, bounds))
  const kept = await logs.kept(instance.name, { ...bounds, tail: Math.max(0, tail - live.length) })
  yield* kept
  if (!follow) {
    yield* live
    return
  }
  let options: { since?: number; tail?: number } = bounds
  while (!signal.aborted) {
    if (container !== undefined) yield* engine.logs(container, { ...options, follow: true, signal })
    // Later containers are new, so all of their lines are.
    options = {}
    const last = container
    while (instance.container === undefined || instance.container === last) {
      const change = await once(changes, 'change', { signal }).catch(() => undefined)
      if (!change || instance.deleted) return
    }
    container = instance.container
  }
}
