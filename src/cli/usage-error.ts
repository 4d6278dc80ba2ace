/** The command was called wrongly: exit code 2. The message is one sentence. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** The user stopped it, by Ctrl-C or a signal; the exit code is the shells' 128 + the signal's number. */
export class Interrupted extends Error {
  override name = 'Interrupted'
  readonly signal: 'SIGINT' | 'SIGTERM'

  constructor(signal: 'SIGINT' | 'SIGTERM', message = 'interrupted') {
    super(message)
    this.signal = signal
  }

  get exitCode(): number {
    return this.signal === 'SIGINT' ? 130 : 143
  }
}
