import type { Leasable } from '../apps/lease.ts'

/** What the edge knows of one app from one request to the next. */
export class Site {
  readonly app: string
  readonly target: Leasable

  constructor(app: string, target: Leasable) {
    this.app = app
    this.target = target
  }
}

/** The sites by their apps' names. */
export class Sites {
  readonly #resolve: (app: string) => Leasable | undefined
  readonly #sites = new Map<string, Site>()

  /** @param resolve the instance behind an app's name */
  constructor(resolve: (app: string) => Leasable | undefined) {
    this.#resolve = resolve
  }

  /** The app's site; undefined when there is no such app. One made anew under an old name begins a new one. */
  find(app: string): Site | undefined {
    const target = this.#resolve(app)
    const known = this.#sites.get(app)
    if (known !== undefined && known.target === target) return known
    if (target === undefined) {
      this.#sites.delete(app)
      return undefined
    }
    const site = new Site(app, target)
    this.#sites.set(app, site)
    return site
  }
}
