import assert from 'node:assert/strict'
import type { TestHost } from './host.ts'

/** How requests fared; times are ms. */
export type Fared = { count: number; longest: number; failed: string[] }

/** Requests that are sent to an app at a steady pace, whatever becomes of the ones before. */
export class Traffic {
  readonly #host: TestHost
  readonly #app: string
  readonly #sent: Promise<void>[] = []
  readonly #fared: Fared = { count: 0, longest: 0, failed: [] }
  readonly #timer: NodeJS.Timeout

  /** @param every ms between two requests */
  constructor(host: TestHost, app: string, every = 20) {
    this.#host = host
    this.#app = app
    this.#timer = setInterval(() => this.#sent.push(this.#send()), every)
  }

  /** Stops sending, and waits for all answers. */
  async end(): Promise<Fared> {
    clearInterval(this.#timer)
    await Promise.all(this.#sent)
    return this.#fared
  }

  /** Like {@link end}; expects that there were requests and none failed. */
  async endWell(): Promise<Fared> {
    const fared = await this.end()
    assert.deepEqual(fared.failed, [])
    assert.ok(fared.count > 5, `only ${fared.count} requests were sent`)
    return fared
  }

  async #send(): Promise<void> {
    const from = performance.now()
    const what = await this.#host.visit(this.#app).then(
      ({ status, body }) => (status === 200 ? undefined : `${status}: ${body}`),
      error => String(error),
    )
    this.#fared.count++
    this.#fared.longest = Math.max(this.#fared.longest, performance.now() - from)
    if (what !== undefined) this.#fared.failed.push(what)
  }
}
