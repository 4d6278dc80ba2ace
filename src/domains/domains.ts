import { type LimitFunction, default as pLimit } from 'p-limit'
import type { Apps } from '../apps/apps.ts'
import type { Context } from '../apps/context.ts'
import { unknownApp } from '../apps/problems.ts'
import { messageOf } from '../problem.ts'
import type { App, Domain, Proof } from '../store/records.ts'
import { type DnsRecord, recordsFor } from './advice.ts'
import { challengeOf } from './claim.ts'
import { type Dns, lookUp } from './evidence.ts'
import { type Claimed, type Look, Looks } from './looks.ts'
import { parseDomain, twinOf } from './name.ts'
import { domainTaken, tooManyDomains, unknownDomain } from './problems.ts'
import { type Route, routesOf } from './routes.ts'
import { nextLook } from './schedule.ts'
import { dnsProof } from './verdict.ts'

/** Domains of one app. */
export const mostDomains = 50
/** Names that are looked up at once in the background. */
const looksAtOnce = 4

export type DomainsOptions = {
  dns: Dns & { cancel?(): void }
  /** Port of the names' HTTP servers; another than 80 is for tests. */
  port?: number
}

/** A domain and all there is to say of it. */
export type DomainStatus = Claimed & {
  row: Domain
  /** What to make in DNS. */
  records: DnsRecord[]
  /** Undefined: not since the start. */
  look: Look | undefined
  /** Epoch ms; undefined when nothing is waited for. */
  nextLookAt: number | undefined
  /** The name with or without www, whose visitors are sent on once it is shown to be the app's too. */
  twin: { domain: string; proof: Proof | null; records: DnsRecord[]; look: Look | undefined } | undefined
}

/**
 * The apps' custom domains. One is routed once it was shown to be its app's, which `verdict.ts` says how to
 * do; from then on until it is removed. It has one app: the first that it was added to. Another gets it only
 * by showing by DNS that it is meant for it, while nothing in DNS says so for the first: nobody can keep a
 * name from its owner by being quicker.
 */
export class Domains implements Disposable {
  readonly #context: Context
  readonly #apps: Apps
  readonly #dns: DomainsOptions['dns']
  readonly #looks: Looks
  readonly #line: LimitFunction = pLimit(looksAtOnce)
  readonly #ending = new AbortController()
  #domains: readonly Domain[] = []
  #routes: ReadonlyMap<string, Route> = new Map()
  readonly #onChange = (app: string) => this.#changed(app)

  constructor(context: Context, apps: Apps, { dns, port }: DomainsOptions) {
    this.#context = context
    this.#apps = apps
    this.#dns = dns
    const { now } = context
    this.#looks = new Looks(dns, { now, signal: this.#ending.signal, ...(port !== undefined && { port }) })
    this.#rebuild()
    context.changes.on('change', this.#onChange)
  }

  /** Nothing is looked up or noted from here on. */
  [Symbol.dispose](): void {
    this.#ending.abort()
    this.#context.changes.off('change', this.#onChange)
    this.#line.clearQueue()
    this.#dns.cancel?.()
  }

  /**
   * What becomes of requests for a name: a Map lookup.
   *
   * @param host lower case, without port or dot at its end
   */
  find(host: string): Route | undefined {
    return this.#routes.get(host)
  }

  /** Whether requests for a name, given as to {@link find}, are answered here, by an app or with a redirect. */
  isVerified(host: string): boolean {
    const route = this.#routes.get(host)
    return route?.app !== undefined || route?.redirect !== undefined
  }

  /** The names of which {@link isVerified} is true. */
  verified(): string[] {
    return [...this.#routes.keys()].filter(host => this.isVerified(host))
  }

  /** All domains by name, or an app's. */
  list(app?: string): DomainStatus[] {
    return this.#domains
      .filter(row => (app === undefined || row.app === app) && this.#context.store.app(row.app))
      .map(row => this.#status(row))
  }

  /** @throws {Problem} 404 `unknown_domain` */
  get(app: string, text: string): DomainStatus {
    return this.#status(this.#row(app, text))
  }

  /**
   * Adds a domain, and looks at once whether it is shown to be the app's. One that it has already is looked
   * at again.
   *
   * @param text the name as its user wrote it
   * @throws {Problem} 400 `invalid_domain`, 404 `unknown_app`, 409 `domain_taken`, `too_many_domains`
   */
  async add(app: string, text: string): Promise<{ isNew: boolean; status: DomainStatus }> {
    const { store, config, now } = this.#context
    const domain = parseDomain(text, config.domain)
    const { createdAt } = this.#app(app)
    if (store.domains.find(domain)?.app === app)
      return { isNew: false, status: await this.check(app, domain) }
    const rivals = this.#rivals(app, domain)
    // Its own twin until now, it stays shown.
    const sibling = rivals.length === 0 ? this.#verifiedTwin(domain) : undefined
    const proof = rivals.length === 0 ? (sibling?.twinProof ?? null) : await this.#won(app, domain, rivals)
    // The app may have been deleted meanwhile.
    if (this.#app(app).createdAt !== createdAt) throw unknownApp(app)
    if (this.#domains.filter(row => row.app === app).length >= mostDomains)
      throw tooManyDomains(app, mostDomains)
    const at = now()
    const row = { domain, app, createdAt: at, proof, verifiedAt: proof && at, twinProof: null }
    if (!store.domains.add(row, rivals[0] ?? sibling)) throw domainTaken(this.#claimed(app, domain))
    this.#rebuild()
    return { isNew: true, status: await this.check(app, domain) }
  }

  /** Looks now whether a domain is shown to be its app's. @throws {Problem} 404 `unknown_domain` */
  async check(app: string, text: string): Promise<DomainStatus> {
    await this.#look(this.#row(app, text))
    return this.get(app, text)
  }

  /** Its requests are not routed from here on. @throws {Problem} 404 `unknown_domain` */
  remove(app: string, text: string): void {
    this.#context.store.domains.remove(app, this.#row(app, text).domain)
    this.#rebuild()
  }

  /** Looks at those that are waited for and whose turn it is; called every now and then. */
  sweep(): void {
    if (this.#line.pendingCount > 0) return
    const now = this.#context.now()
    for (const row of this.#domains) {
      const due = this.#nextLook(row)
      if (due === undefined || due > now || this.#looks.isUnderWay(row)) continue
      void this.#line(() => this.#look(row)).catch(error =>
        this.#context.log.warn('domain_check_failed', { domain: row.domain, error: messageOf(error) }),
      )
    }
  }

  #changed(app: string): void {
    if (!this.#apps.find(app) && this.#domains.some(row => row.app === app)) this.#rebuild()
  }

  #rebuild(): void {
    const { store, config } = this.#context
    this.#domains = store.domains.all()
    const apps = new Map(store.apps().map(app => [app.name, app]))
    this.#routes = routesOf(this.#domains, config.domain, (app, domain) => {
      const found = apps.get(app)
      return found && challengeOf(store.hostId, { domain, app, appCreatedAt: found.createdAt })
    })
    this.#looks.keep(
      this.#domains.flatMap(row => {
        const twin = this.#twin(row)
        return twin === undefined ? [row] : [row, { app: row.app, domain: twin }]
      }),
    )
  }

  /** @throws {Problem} 404 `unknown_app` */
  #app(app: string): App {
    this.#apps.get(app)
    const found = this.#context.store.app(app)
    if (!found) throw unknownApp(app)
    return found
  }

  #row(app: string, text: string): Domain {
    this.#apps.get(app)
    const domain = parseDomain(text, this.#context.config.domain)
    const found = this.#domains.find(row => row.domain === domain && row.app === app)
    if (!found) throw unknownDomain(app, domain)
    return found
  }

  #claimed(app: string, domain: string): Claimed {
    const { store, config } = this.#context
    const challenge = challengeOf(store.hostId, { domain, app, appCreatedAt: this.#app(app).createdAt })
    return { domain, app, target: `${app}.${config.domain}`, challenge }
  }

  /** The name that goes with it, unless that was added itself. */
  #twin({ domain }: Domain): string | undefined {
    const twin = twinOf(domain, this.#context.config.domain)
    return twin === undefined || this.#domains.some(row => row.domain === twin) ? undefined : twin
  }

  /** The verified domain that a name goes with as its twin. */
  #verifiedTwin(name: string): Domain | undefined {
    const twin = twinOf(name, this.#context.config.domain)
    return this.#domains.find(row => row.domain === twin && row.proof !== null)
  }

  /** Other apps' domains that a name is, or goes with. */
  #rivals(app: string, name: string): Domain[] {
    const holders = [this.#domains.find(row => row.domain === name), this.#verifiedTwin(name)]
    return holders.filter(row => row !== undefined && row.app !== app) as Domain[]
  }

  /** How an app shows by DNS that others' name is meant for it. @throws {Problem} 409 `domain_taken` */
  async #won(app: string, name: string, rivals: readonly Domain[]): Promise<Proof> {
    const claimed = this.#claimed(app, name)
    const evidence = await lookUp(this.#dns, name, claimed.target)
    const proof = dnsProof(evidence, claimed)
    const isWhole = evidence.txt !== undefined && evidence.aliases !== undefined
    const isTheirs = rivals.some(row => dnsProof(evidence, this.#claimed(row.app, name)))
    if (!proof || !isWhole || isTheirs) throw domainTaken(claimed)
    return proof
  }

  #nextLook(row: Domain): number | undefined {
    const lookedAt = this.#looks.last(row)?.at
    return nextLook(row, { lookedAt, now: this.#context.now(), hasTwin: this.#twin(row) !== undefined })
  }

  #status(row: Domain): DomainStatus {
    const { app, domain, twinProof } = row
    const name = this.#twin(row)
    return {
      ...this.#claimed(app, domain),
      row,
      ...this.#seen(app, domain),
      nextLookAt: this.#nextLook(row),
      twin: name === undefined ? undefined : { domain: name, proof: twinProof, ...this.#seen(app, name) },
    }
  }

  #seen(app: string, domain: string): Pick<DomainStatus, 'look' | 'records'> {
    const look = this.#looks.last({ app, domain })
    return { look, records: recordsFor(this.#claimed(app, domain), look?.evidence) }
  }

  /** Looks at a domain and its twin, and notes what shows them to be the app's. */
  async #look(row: Domain): Promise<void> {
    const { store, now, log } = this.#context
    const { app, domain } = row
    const twin = this.#twin(row)
    const [proof, twinProof] = await Promise.all([this.#prove(app, domain), twin && this.#prove(app, twin)])
    if (this.#ending.signal.aborted) return
    const isShown = row.proof === null && proof !== undefined && store.domains.verified(row, proof, now())
    if (isShown) log.info('domain_verified', { app, domain, proof })
    const isTwinShown = row.twinProof === null && twinProof && (isShown || row.proof !== null)
    if (isTwinShown && store.domains.twinVerified(row, twinProof)) {
      log.info('domain_verified', { app, domain: twin, proof: twinProof })
    }
    if (isShown || isTwinShown) this.#rebuild()
  }

  async #prove(app: string, domain: string): Promise<Proof | undefined> {
    const claimed = this.#claimed(app, domain)
    const { proof, evidence } = await this.#looks.take(claimed)
    // That the name points at this host does not say that it is this app's and not the other's.
    return this.#rivals(app, domain).length === 0 ? proof : dnsProof(evidence, claimed)
  }
}
