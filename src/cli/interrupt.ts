import { Interrupted } from './usage-error.ts'

/**
 * Runs work that Ctrl-C and SIGTERM end in order: its signal aborts with an {@link Interrupted}. A second Ctrl-C
 * ends the process at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => stop.abort(new Interrupted(signal))
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    return await work(stop.signal)
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}
