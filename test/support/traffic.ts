import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
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

  /** Stops sending, though not before there were ten requests, and waits for all answers. */
  async end(): Promise<Fared> {
    while (this.#sent.length < 10) await sleep(1)
    clearInterval(this.#timer)
    await Promise.all(this.#sent)
    return this.#fared
  }

  /** Like {@link end}; expects that none failed. */
  async endWell(): Promise<Fared> {
    const fared = await this.end()
    assert.deepEqual(fared.failed, [])
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
