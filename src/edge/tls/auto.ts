import { join } from 'node:path'
import pLimit from 'p-limit'
import type { Log } from '../../log.ts'
import { messageOf } from '../../problem.ts'
import { type Certificate, isHostName, readCertificate, renewalTime } from './certificate.ts'
import { Failures } from './failures.ts'
import { IssuedCertificates } from './issued.ts'
import type { CertificateSource, TlsFailure, TlsStatus } from './source.ts'

/** Obtains a certificate for one name: PEM texts. Rejects with the reason. */
export type Issue = (name: string, signal: AbortSignal) => Promise<{ chain: string; key: string }>

export type AutoOptions = {
  /** Where certificates and what failed are kept. */
  folder: string
  issue: Issue
  /** The answer to a challenge that is under way. */
  challenge: (token: string) => string | undefined
  /** Whether a host is served here. Nothing is asked of the CA for any other. */
  serves: (host: string) => boolean
  log: Log
  /** Epoch ms. */
  now?: () => number
}

/** Orders under way at once. */
const AT_ONCE = 4
/** Names that may wait for their order; beyond, visitors are turned away until it is shorter. */
const QUEUE = 200
/** How often it is looked which certificates are to be renewed, ms. */
const LOOK_INTERVAL = 10 * 60_000

const OLD = 'the certificate issued is to be renewed already; is the clock of this machine right?'

/**
 * Certificates from a CA, obtained when a host is first visited and renewed in the background after two thirds of
 * their lifetime. One that could not be renewed goes on being served.
 */
export class AutoCertificates implements CertificateSource {
  readonly mode = 'auto'
  readonly #issued: IssuedCertificates
  readonly #failures: Failures
  readonly #orders = new Map<string, Promise<Certificate | undefined>>()
  readonly #limit = pLimit(AT_ONCE)
  readonly #closing = new AbortController()
  readonly #options: AutoOptions
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined

  constructor(options: AutoOptions) {
    const { folder, log, now = Date.now } = options
    this.#options = options
    this.#now = now
    this.#issued = new IssuedCertificates(join(folder, 'certificates'), log)
    this.#failures = new Failures(join(folder, 'failures.json'), now)
  }

  /** Reads what earlier runs left. */
  async load(): Promise<void> {
    await Promise.all([this.#issued.load(), this.#failures.load()])
  }

  start(ahead: string): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_INTERVAL).unref()
    void this.look()
    if (!this.#issued.get(ahead)) void this.#order(ahead)
  }

  find(host: string): Certificate | undefined | Promise<Certificate | undefined> {
    const kept = this.#issued.get(host)
    if (kept && this.#now() < kept.notAfter) return kept
    if (!this.#options.serves(host)) return kept
    return this.#order(host).then(fresh => fresh ?? this.#issued.get(host))
  }

  offers(host: string): boolean {
    return this.#issued.get(host) !== undefined || !this.#failures.holdsBack(host)
  }

  challenge(token: string): string | undefined {
    return this.#options.challenge(token)
  }

  /** Orders what is to be renewed, and forgets what is not served any more; resolves when that is done. */
  async look(): Promise<void> {
    const { serves } = this.#options
    const now = this.#now()
    this.#failures.prune(serves)
    const tasks = this.#issued.list().map(async ([name, certificate]) => {
      if (serves(name)) {
        if (now >= renewalTime(certificate)) await this.#order(name)
      } else if (now >= certificate.notAfter) await this.#issued.remove(name)
    })
    await Promise.all(tasks)
  }

  status(): TlsStatus {
    const certificates = this.#issued.list().map(([, { names, notAfter }]) => ({ names, notAfter }))
    const failures = this.#failures.list().map(([subject, { detail, since, retryAt }]): TlsFailure => {
      return { subject, detail, since, retryAt, notAfter: this.#issued.get(subject)?.notAfter }
    })
    return { certificates: certificates.sort((a, b) => a.notAfter - b.notAfter), failures }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#closing.abort(new Error('the host is shutting down'))
    await Promise.all(this.#orders.values())
    await this.#failures.written()
  }

  /** The one order of a name that all who want it share; undefined when it fails, or must not be placed now. */
  #order(name: string): Promise<Certificate | undefined> {
    const under = this.#orders.get(name)
    if (under) return under
    const mayAsk = isHostName(name) && !this.#failures.holdsBack(name) && !this.#closing.signal.aborted
    if (!mayAsk || this.#orders.size >= QUEUE) return Promise.resolve(undefined)
    const order = this.#limit(() => this.#obtain(name)).finally(() => this.#orders.delete(name))
    this.#orders.set(name, order)
    return order
  }

  async #obtain(name: string): Promise<Certificate | undefined> {
    const { issue, log } = this.#options
    const { signal } = this.#closing
    try {
      signal.throwIfAborted()
      const { chain, key } = await issue(name, signal)
      const certificate = readCertificate(chain, key)
      if (!certificate.names.includes(name)) throw new Error('the certificate issued is for another name')
      await this.#issued.put(name, certificate)
      // It would be renewed at once, and again: more often than a CA puts up with.
      if (this.#now() >= renewalTime(certificate)) throw new Error(OLD)
      this.#failures.succeeded(name)
      log.info('certificate_issued', { name, notAfter: new Date(certificate.notAfter).toISOString() })
      return certificate
    } catch (error) {
      // A shutdown says nothing about the name.
      if (signal.aborted) return undefined
      const { count, retryAt } = this.#failures.failed(name, messageOf(error))
      const fields = { name, error: messageOf(error), count, retryAt: new Date(retryAt).toISOString() }
      log.warn('certificate_failed', fields)
      return undefined
    }
  }
}
