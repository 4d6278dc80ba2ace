import { readIfThere, writePrivate } from './private-file.ts'

/** A name whose certificate could not be obtained. Times in epoch ms. */
export type Failure = { count: number; since: number; retryAt: number; detail: string }

/** Few enough in the first hour for the limits of public CAs (Let's Encrypt: 5 failed validations a name and hour). */
const FIRST_PAUSE = 2 * 60_000
const LONGEST_PAUSE = 6 * 3_600_000
/** How long after its next attempt was due a name is forgotten that nobody asked for again. */
const FORGET_AFTER = 7 * 24 * 3_600_000

/** How long a name waits before it is tried again, ms. @param count failures in a row, the last one included */
export function pauseAfter(count: number): number {
  return Math.min(FIRST_PAUSE * 2 ** (count - 1), LONGEST_PAUSE)
}

/** The names that fail, remembered across restarts: a host that is restarted often asks the CA no more often. */
export class Failures {
  readonly #file: string
  readonly #now: () => number
  readonly #byName = new Map<string, Failure>()
  #writing: Promise<void> = Promise.resolve()

  /** @param now epoch ms */
  constructor(file: string, now: () => number) {
    this.#file = file
    this.#now = now
  }

  /** Reads what an earlier run left. What cannot be read counts as nothing. */
  async load(): Promise<void> {
    const text = await readIfThere(this.#file)
    for (const [name, failure] of Object.entries(parse(text))) this.#byName.set(name, failure)
  }

  /** Whether a name must wait before it is tried again. */
  holdsBack(name: string): boolean {
    const failure = this.#byName.get(name)
    if (failure === undefined) return false
    const left = failure.retryAt - this.#now()
    // A clock that was set back must not hold a name for longer than the pause was to be.
    return left > 0 && left <= pauseAfter(failure.count)
  }

  failed(name: string, detail: string): Failure {
    const now = this.#now()
    const before = this.#byName.get(name)
    const count = (before?.count ?? 0) + 1
    const failure = { count, since: before?.since ?? now, retryAt: now + pauseAfter(count), detail }
    this.#byName.set(name, failure)
    this.#save()
    return failure
  }

  succeeded(name: string): void {
    if (this.#byName.delete(name)) this.#save()
  }

  /** Forgets names that are not served any more, or that nobody has asked for in a long time. */
  prune(serves: (name: string) => boolean): void {
    const before = this.#byName.size
    for (const [name, { retryAt }] of this.#byName) {
      if (!serves(name) || this.#now() > retryAt + FORGET_AFTER) this.#byName.delete(name)
    }
    if (this.#byName.size !== before) this.#save()
  }

  list(): [name: string, failure: Failure][] {
    return [...this.#byName]
  }

  /** Resolves once the file says what is known. */
  written(): Promise<void> {
    return this.#writing
  }

  #save(): void {
    const write = () => writePrivate(this.#file, `${JSON.stringify(Object.fromEntries(this.#byName))}\n`)
    // Where it cannot be written, they are held back in this run at least.
    this.#writing = this.#writing.then(write).catch(() => undefined)
  }
}

function parse(text: string | undefined): Record<string, Failure> {
  try {
    const found: unknown = JSON.parse(text ?? '{}')
    return Object.fromEntries(Object.entries(Object(found)).filter(isEntry))
  } catch {
    return {}
  }
}

function isEntry(entry: [string, unknown]): entry is [string, Failure] {
  const { count, since, retryAt, detail } = Object(entry[1])
  return [count, since, retryAt].every(Number.isFinite) && typeof detail === 'string'
}
