import type { IncomingMessage } from 'node:http'
import type { Leasable } from '../apps/lease.ts'
import type { Ignore } from '../apps/rules.ts'
import { Gate } from './access/gate.ts'
import { Ignoring } from './ignore/ignoring.ts'
import { Shelves } from './ignore/kept.ts'
import { WakeCall } from './waiting/wake-call.ts'

/** What the edge knows of one app from one request to the next. */
export class Site {
  readonly app: string
  readonly target: Leasable
  /** Pages that hear of it now. */
  watching = 0
  #wakeCall: WakeCall | undefined
  #ignore: { rules: Ignore; ignoring: Ignoring } | undefined
  #gate: Gate | undefined
  readonly #shelves: Shelves

  constructor(app: string, target: Leasable, shelves: Shelves) {
    this.app = app
    this.target = target
    this.#shelves = shelves
  }

  /** The app's rules of what to ignore, where they say so of this request. @param path with query */
  ignores(req: IncomingMessage, path: string, rules: Ignore): Ignoring | undefined {
    if (this.#ignore?.rules !== rules) {
      this.forget()
      this.#ignore = { rules, ignoring: new Ignoring(rules, this.#shelves) }
    }
    const { ignoring } = this.#ignore
    return ignoring.ignores(req, path) ? ignoring : undefined
  }

  /** The wake that pages wait for, or the last one. */
  get wakeCall(): WakeCall | undefined {
    return this.#wakeCall
  }

  /** Begins a wake for pages to wait for, unless one goes on. @param now ms that only grow */
  wake(now: () => number): WakeCall {
    if (!this.#wakeCall || this.#wakeCall.outcome !== undefined)
      this.#wakeCall = new WakeCall(this.target, now)
    return this.#wakeCall
  }

  /** Lets go of the app's answers that are kept: they are no longer its own. */
  forget(): void {
    this.#ignore?.ignoring.kept.clear()
  }

  /** What holds the app's access rules; made for the first request that there are some for. */
  gate(now: () => number): Gate {
    this.#gate ??= new Gate(this.target, now)
    return this.#gate
  }
}

/** The sites by their apps' names. */
export class Sites {
  readonly #resolve: (app: string) => Leasable | undefined
  readonly #sites = new Map<string, Site>()
  readonly #shelves = new Shelves()

  /** @param resolve the instance behind an app's name */
  constructor(resolve: (app: string) => Leasable | undefined) {
    this.#resolve = resolve
  }

  /** How many are kept. */
  get size(): number {
    return this.#sites.size
  }

  /** The edge closes: nobody waits for wakes any more. */
  end(): void {
    for (const { wakeCall } of this.#sites.values()) wakeCall?.abort()
  }

  /** The app's site; undefined when there is no such app. One made anew under an old name begins a new one. */
  find(app: string): Site | undefined {
    const target = this.#resolve(app)
    const known = this.#sites.get(app)
    if (known !== undefined && known.target === target) return known
    known?.forget()
    this.#sites.delete(app)
    if (target === undefined) return undefined
    this.#forgetGone()
    const site = new Site(app, target, this.#shelves)
    this.#sites.set(app, site)
    return site
  }

  /** Of apps that are gone and that nobody asks for any more. */
  #forgetGone(): void {
    for (const [app, site] of this.#sites) {
      if (this.#resolve(app) === site.target) continue
      site.forget()
      this.#sites.delete(app)
    }
  }
}
