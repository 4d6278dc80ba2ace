/** What ends when its lease is revoked. */
export type Revocable = { revoke(): void }

const holders = new WeakMap<AbortSignal, Set<Revocable>>()

/**
 * Calls `revoke` when the signal aborts, until {@link unwatch}. One listener per signal, however many watch it:
 * adding one to an AbortSignal and taking it off again for each request is among the dearest things a proxy can do.
 */
export function watch(signal: AbortSignal, holder: Revocable): void {
  const known = holders.get(signal)
  if (known) {
    known.add(holder)
    return
  }
  const set = new Set([holder])
  holders.set(signal, set)
  signal.addEventListener('abort', () => {
    for (const each of set) each.revoke()
  })
}

export function unwatch(signal: AbortSignal, holder: Revocable): void {
  holders.get(signal)?.delete(holder)
}
