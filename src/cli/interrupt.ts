import { Interrupted } from './usage-error.ts'

/** A signal to all of a process group comes again from each parent that passes it on; for so long it is one, ms. */
const echoes = 500

/**
 * Runs work that Ctrl-C and SIGTERM end in order: its signal aborts with an {@link Interrupted}. A second Ctrl-C
 * ends the process at once.
 *
 * @param now ms
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  now: () => number = () => performance.now(),
): Promise<T> {
  const stop = new AbortController()
  let first: number | undefined
  const onTerm = () => stop.abort(new Interrupted('SIGTERM'))
  const onInterrupt = () => {
    const at = now()
    first ??= at
    stop.abort(new Interrupted('SIGINT'))
    if (at - first <= echoes) return
    process.off('SIGINT', onInterrupt)
    process.kill(process.pid, 'SIGINT')
  }
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerm)
  try {
    return await work(stop.signal)
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerm)
  }
}
