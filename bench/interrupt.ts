/** A second Ctrl-C within this many ms is the first one, told twice: by the terminal and by npm. */
const echo = 1_000

/** The user wants the run to end. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

/**
 * A signal that aborts at Ctrl-C or SIGTERM, so that what was made on the machine is removed in order. A later
 * Ctrl-C ends the process at once.
 */
export function interruptSignal(): AbortSignal {
  const stop = new AbortController()
  let since: number | undefined
  const interrupt = () => {
    since ??= performance.now()
    if (performance.now() - since > echo) process.exit(130)
    stop.abort(new Interrupted('interrupted'))
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  return stop.signal
}
