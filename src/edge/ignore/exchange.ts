import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { EdgeContext } from '../context.ts'
import type { RawHeaders } from '../headers.ts'
import { PooledExchange } from '../proxy.ts'
import type { Routed } from '../router.ts'
import { standIn, standInHeaders } from './asleep.ts'
import type { Ignoring } from './ignoring.ts'
import { headersToKeep, type KeptAnswer, largestKept, mayKeep } from './kept.ts'

/**
 * A request that its app's rules say to ignore: forwarded while the app is awake, without being activity, and
 * answered here otherwise. It never starts a wake nor ends a sleep.
 */
export class IgnoredExchange extends PooledExchange {
  readonly #ignoring: Ignoring
  /** Set while an answer comes in that is to be kept. */
  #keeping: { headers: RawHeaders; coding: string | undefined; chunks: Buffer[]; bytes: number } | undefined

  constructor(
    context: EdgeContext,
    req: IncomingMessage,
    res: ServerResponse,
    routed: Routed,
    ignoring: Ignoring,
  ) {
    super(context, req, res, routed)
    this.#ignoring = ignoring
  }

  protected override get needsTurn(): boolean {
    return this.routed.site.target.forecast.state === 'awake'
  }

  protected override claim(): void {
    if (this.settled) return
    try {
      const lease = this.routed.site.target.quietLease()
      if (lease) this.begin(lease)
      else this.#answerAsleep()
    } catch (error) {
      this.fail(error)
    }
  }

  override onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    reason?: string,
  ): void {
    super.onResponseStart(controller, status, headers, reason)
    const { req } = this
    if (req.method !== 'GET' || !mayKeep(req.headers, status, headers)) return
    const raw = controller.rawHeaders as Buffer[]
    this.#keeping = {
      headers: headersToKeep(raw),
      coding: headers['content-encoding']?.toLowerCase(),
      chunks: [],
      bytes: 0,
    }
  }

  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const keeping = this.#keeping
    if (keeping) {
      keeping.bytes += chunk.length
      if (keeping.bytes > largestKept) this.#keeping = undefined
      else keeping.chunks.push(chunk)
    }
    super.onResponseData(controller, chunk)
  }

  override onResponseEnd(controller: Dispatcher.DispatchController): void {
    super.onResponseEnd(controller)
    if (!this.#keeping) return
    const { headers, coding, chunks } = this.#keeping
    const body = Buffer.concat(chunks)
    this.#ignoring.kept.keep(this.#place, { headers, body, coding, at: this.context.now() })
  }

  /** Whose answer may be given to whom: an app may say something else at each of its names, and what its port is. */
  get #place(): string {
    const { host, path } = this.routed
    return host.toLowerCase() + path
  }

  #answerAsleep(): void {
    const { path } = this.routed
    const kept = this.#ignoring.kept.find(this.#place)
    if (kept && this.#takes(kept)) {
      const age = String(Math.round((this.context.now() - kept.at) / 1000))
      this.reply('ignored', 200, [...kept.headers, 'Age', age, ...MARK], kept.body)
      return
    }
    const stand = standIn(path.split('?', 1)[0] ?? path, this.req.headers.accept ?? '')
    this.reply('ignored', 200, [...standInHeaders(stand), ...MARK], stand.body)
  }

  /** Whether the visitor can read what is kept. */
  #takes({ coding }: KeptAnswer): boolean {
    if (coding === undefined || coding === 'identity') return true
    const accepted = String(this.req.headers['accept-encoding'] ?? '').toLowerCase()
    return accepted.split(',').some(one => {
      const [name = '', weight = ''] = one.split(';')
      return name.trim() === coding && !/^\s*q=0(\.0*)?\s*$/.test(weight)
    })
  }
}

/** Tells whoever looks closely that the app did not answer. */
const MARK = ['X-Dormice-Ignored', 'asleep']
