import { setTimeout as pause } from 'node:timers/promises'
import { Random, Zipf } from './replay/random.ts'

/** A visitor: when it comes, ms after the load began, and to which app. */
export type Arrival = { at: number; app: number }

export type LoadShape = {
  apps: number
  /** Of Zipf's law. */
  exponent: number
  /** Arrivals a second, on average; the gaps between them are exponential (a Poisson process). */
  rate: number
  /** ms. */
  duration: number
  seed: number
}

/** Every arrival of a load; the same for the same seed. */
export function arrivals({ apps, exponent, rate, duration, seed }: LoadShape): Arrival[] {
  const random = new Random(seed)
  const zipf = new Zipf(apps, exponent)
  const all: Arrival[] = []
  const gap = () => (random.exponential() * 1000) / rate
  for (let at = gap(); at < duration; at += gap()) all.push({ at, app: zipf.draw(random) })
  return all
}

/** What became of an arrival: its answer, or why there was none; ms from when it was due until then. */
export type Outcome<T> = Arrival & { ms: number } & ({ answer: T } | { error: unknown })

/**
 * Sends every arrival when it is due, whatever became of those before: an open loop, in which a server that is slow
 * gets no rest. Time is counted from when an arrival was due.
 *
 * @param send resolves with the answer and when it came, ms of `performance.now()`
 * @throws the signal's reason once it aborts
 */
export async function openLoop<T extends { at: number }>(
  load: readonly Arrival[],
  send: (app: number) => Promise<T>,
  signal: AbortSignal,
): Promise<Outcome<T>[]> {
  const began = performance.now()
  const outcomes: Promise<Outcome<T>>[] = []
  for (const arrival of load) {
    const due = began + arrival.at
    const wait = due - performance.now()
    if (wait > 0) await pause(wait, undefined, { signal })
    signal.throwIfAborted()
    outcomes.push(
      send(arrival.app).then(
        answer => ({ ...arrival, ms: answer.at - due, answer }),
        error => ({ ...arrival, ms: performance.now() - due, error }),
      ),
    )
  }
  return Promise.all(outcomes)
}
