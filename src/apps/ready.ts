import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Upstream } from './lease.ts'

/** Between two looks, ms: the longer it takes, the less another pause adds to it. */
const shortestPause = 2
const longestPause = 25
/** Which part of the time that it took so far a pause is, between those two. */
const share = 1 / 16
const probeTimeout = 5_000

/**
 * Waits until the instance's port accepts connections and, with a health path, answers it with a status
 * below 500. The first probe goes out at once. Rejects only when the signal aborts.
 */
export async function ready(
  upstream: Upstream,
  health: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now()
  while (
    !(
      (await accepts(upstream, signal)) &&
      (health === undefined || (await isHealthy(upstream, health, signal)))
    )
  ) {
    const pause = Math.max((performance.now() - began) * share, shortestPause)
    await sleep(Math.min(pause, longestPause), undefined, { signal })
  }
}

function accepts({ host, port }: Upstream, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const socket = connect({ host, port, timeout: probeTimeout, signal })
  socket.once('connect', () => resolve(true))
  socket.once('timeout', () => resolve(false))
  socket.once('error', () => (signal.aborted ? reject(signal.reason) : resolve(false)))
  return promise.finally(() => socket.destroy())
}

async function isHealthy({ host, port }: Upstream, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(probeTimeout)])
    const response = await fetch(`http://${host}:${port}${path}`, { signal: limited, redirect: 'manual' })
    await response.body?.cancel()
    return response.status < 500
  } catch {
    signal.throwIfAborted()
    return false
  }
}
