import type { Log } from '../log.ts'
import { messageOf } from '../problem.ts'
import type { Overrun } from '../store/records.ts'
import type { Store } from '../store/store.ts'

/** What comes within this time of the last is the same once more, ms: many processes of one app may be killed at once. */
const atOnce = 10_000

/** Tells when apps reach their memory limits: in the log, and in their timelines. */
export class Overruns {
  readonly #store: Store['overruns']
  readonly #log: Log
  readonly #now: () => number
  readonly #last = new Map<string, number>()

  /** @param parts.now epoch ms */
  constructor({ store, log, now }: { store: Pick<Store, 'overruns'>; log: Log; now: () => number }) {
    this.#store = store.overruns
    this.#log = log
    this.#now = now
  }

  /** An app has as much as its limit, bytes, and wants more. With a full disk only the log tells. */
  note(app: string, kind: Overrun['kind'], limit: number): void {
    const at = this.#now()
    const last = this.#last.get(app)
    if (last !== undefined && Math.abs(at - last) < atOnce) return
    this.#last.set(app, at)
    this.#log.warn('over_its_limit', { app, kind, limit })
    try {
      this.#store.note({ app, kind, limit, at })
    } catch (error) {
      this.#log.warn('overrun_not_noted', { app, error: messageOf(error) })
    }
  }

  /** The app is gone: one of the same name begins with nothing. */
  forget(app: string): void {
    this.#last.delete(app)
  }
}
