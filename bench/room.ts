import { setTimeout as pause } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { TestHost } from '../test/support/host.ts'
import { firstAnswer } from './first-answer.ts'
import { Meter, megabytes, type Taken } from './meter.ts'
import { readServerTiming } from './server-timing.ts'

/** How many are woken, frozen or put to sleep at a time. */
export const atOnce = 4
/** How long what was just started is let be before it is measured whether all fit, ms. */
const settle = 5_000

export type RoomOptions = {
  /** Bytes for the host and all that it runs. */
  limit: number
  signal: AbortSignal
  say(line: string): void
}

/** Which apps there was room for, what all took with them, and what was taken before the first. */
export type Fit = { apps: readonly string[]; with: Taken; without: Taken }

/** Finds out how many apps of a host can be awake or frozen at once within a limit. */
export class Room {
  readonly #host: TestHost
  readonly #apps: readonly string[]
  readonly #options: RoomOptions
  readonly #meter: Meter
  readonly #without: Taken

  private constructor(
    host: TestHost,
    apps: readonly string[],
    options: RoomOptions,
    meter: Meter,
    without: Taken,
  ) {
    this.#host = host
    this.#apps = apps
    this.#options = options
    this.#meter = meter
    this.#without = without
  }

  /** @param apps as many as are tried, all of them asleep */
  static async of(host: TestHost, apps: readonly string[], options: RoomOptions): Promise<Room> {
    const meter = new Meter(host)
    return new Room(host, apps, options, meter, await meter.take())
  }

  /** Wakes some at a time, each by a request that it answers. All that fit are awake then. */
  awake(): Promise<Fit> {
    return this.#fill('awake', app => this.ask(app))
  }

  /** The same with each frozen, and its memory reclaimed, once it has answered. */
  frozen(): Promise<Fit> {
    return this.#fill('frozen', async app => {
      if ((await this.#host.state(app)) === 'frozen') return
      await this.ask(app)
      const { status, body } = await this.#host.api('POST', `/v1/apps/${app}/freeze`)
      if (status !== 200) throw new Error(`${app} was not frozen: ${body}`)
    })
  }

  /** One request to an app. @returns ms until its first byte, and how the app was woken for it, if it was */
  async ask(app: string): Promise<{ ms: number; wake: string | undefined }> {
    const began = performance.now()
    const { port } = this.#host
    const answer = await firstAnswer({ host: '127.0.0.1', port, hostHeader: `${app}.localhost` })
    if (answer.status !== 200) throw new Error(`${app} answered ${answer.status} ${answer.code}`)
    const wake = readServerTiming(answer.timing).find(({ name }) => name === 'wake')
    return { ms: answer.at - began, wake: wake?.description }
  }

  /** Puts all to sleep. */
  async empty(): Promise<void> {
    await this.#each(this.#apps, app => this.#host.sleep(app))
  }

  async #fill(state: 'awake' | 'frozen', bring: (app: string) => Promise<unknown>): Promise<Fit> {
    const { limit, signal } = this.#options
    let count = 0
    for (let now = this.#without; now.total <= limit && count < this.#apps.length; ) {
      await this.#each(this.#apps.slice(count, count + atOnce), bring)
      count = Math.min(count + atOnce, this.#apps.length)
      now = await this.#measure(count, state)
    }
    // What was just started may need more a moment later: what counts is what stays.
    for (;;) {
      await this.#each(this.#apps.slice(0, count), bring)
      await pause(settle, undefined, { signal })
      const now = await this.#measure(count, state)
      if (now.total <= limit) return { apps: this.#apps.slice(0, count), with: now, without: this.#without }
      const over = Math.ceil(((now.total - limit) / (now.total - this.#without.total)) * count)
      await this.#each(this.#apps.slice(count - over, count), app => this.#host.sleep(app))
      count -= over
    }
  }

  async #measure(count: number, state: string): Promise<Taken> {
    const now = await this.#meter.take()
    this.#options.say(`${count} ${state}, ${Math.round(megabytes(now.total))} MB`)
    return now
  }

  async #each(apps: readonly string[], run: (app: string) => Promise<unknown>): Promise<void> {
    const line = pLimit(atOnce)
    await Promise.all(
      apps.map(app =>
        line(async () => {
          this.#options.signal.throwIfAborted()
          await run(app)
        }),
      ),
    )
  }
}
