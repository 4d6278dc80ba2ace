/** What {@link Waiting.until} rejects with when the time is over. */
export class WaitedTooLong extends Error {
  override name = 'WaitedTooLong'
}

/** The requests that wait for an instance to wake. */
export class Waiting {
  #count = 0

  /** How many wait. */
  get count(): number {
    return this.#count
  }

  /**
   * Resolves with what `claim` gives, waking as often as it takes: between a wake and the claim the instance may
   * have been put to sleep again.
   *
   * @param timeout ms
   * @throws {WaitedTooLong} when the time is over; the signal's reason when it aborts; what `wake` throws
   */
  async until<T>(
    claim: () => T | undefined,
    wake: () => Promise<void>,
    { signal, timeout }: { signal: AbortSignal; timeout: number },
  ): Promise<T> {
    const deadline = AbortSignal.timeout(timeout)
    const given = AbortSignal.any([signal, deadline])
    this.#count++
    try {
      for (;;) {
        await unlessAborted(given, wake())
        const claimed = claim()
        if (claimed !== undefined) return claimed
      }
    } catch (error) {
      throw deadline.aborted && !signal.aborted ? new WaitedTooLong() : error
    } finally {
      this.#count--
    }
  }
}

/** Resolves or rejects with the promise, or rejects with the signal's reason when that comes first. */
function unlessAborted(signal: AbortSignal, promise: Promise<void>): Promise<void> {
  const { promise: result, resolve, reject } = Promise.withResolvers<void>()
  const stop = () => reject(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  promise.then(resolve, reject)
  return result.finally(() => signal.removeEventListener('abort', stop))
}
