import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Log } from '../../log.ts'
import { messageOf } from '../../problem.ts'
import { type Certificate, hostsOf, namesFor, readCertificate } from './certificate.ts'
import type { CertificateSource, TlsFailure, TlsStatus } from './source.ts'

/** How often it is looked whether files have changed, ms. */
const LOOK_INTERVAL = 5_000

/** A certificate's files; the key's may be missing. */
type Pair = { chain: string; key: string; hasKey: boolean }
/** What was read from a pair of files. */
type Read = { stamp: string; certificate: Certificate | undefined; failure: TlsFailure | undefined }

/**
 * Certificates from a folder that somebody else keeps: `NAME.crt` or `NAME.pem` beside `NAME.key`, and
 * `fullchain.pem` beside `privkey.pem`, in the folder itself and in the folders in it (as certbot leaves them).
 * What changes is read anew; what cannot be read then leaves the certificate from before in place.
 */
export class FileCertificates implements CertificateSource {
  readonly mode = 'files'
  readonly #folder: string
  readonly #log: Log
  readonly #now: () => number
  #read = new Map<string, Read>()
  #byName = new Map<string, Certificate>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  /** The folder itself cannot be read. */
  #failure: TlsFailure | undefined

  /** @param now epoch ms */
  constructor(folder: string, log: Log, now: () => number = Date.now) {
    this.#folder = folder
    this.#log = log
    this.#now = now
  }

  /** Reads the folder. @throws {Error} there is no certificate in it that can be used */
  async load(): Promise<void> {
    await this.#lookOnce()
    if (this.#byName.size === 0) {
      const [why] = this.status().failures
      throw new Error(why ? `${why.subject}: ${why.detail}` : 'no certificate with a key is there')
    }
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_INTERVAL).unref()
  }

  find(host: string): Certificate | undefined {
    const [own, wildcard] = namesFor(host)
    return this.#byName.get(own) ?? this.#byName.get(wildcard)
  }

  offers(host: string): boolean {
    return this.find(host) !== undefined
  }

  challenge(): undefined {}

  status(): TlsStatus {
    const all = [...this.#read.values()]
    const certificates = all.flatMap(({ certificate }) => certificate ?? [])
    return {
      certificates: certificates
        .map(({ names, notAfter }) => ({ names, notAfter }))
        .sort((a, b) => a.notAfter - b.notAfter),
      failures: [this.#failure ?? [], ...all.map(({ failure }) => failure ?? [])].flat(),
    }
  }

  /** Reads what has changed. Later calls join one that is under way. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch(error => this.#folderFailed(messageOf(error)))
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #lookOnce(): Promise<void> {
    const next = new Map<string, Read>()
    for (const pair of await findPairs(this.#folder)) {
      next.set(pair.chain, await this.#readPair(pair, this.#read.get(pair.chain)))
    }
    const hadAny = this.#byName.size > 0
    this.#failure = undefined
    this.#read = next
    this.#byName = byName([...next.values()].flatMap(({ certificate }) => certificate ?? []))
    if (hadAny && this.#byName.size === 0) this.#log.warn('no_certificates', { folder: this.#folder })
  }

  /** Certificates from before are served on. */
  #folderFailed(detail: string): void {
    if (this.#failure?.detail === detail) return
    this.#log.warn('certificates_unreadable', { folder: this.#folder, error: detail })
    const now = this.#now()
    const notAfter = this.status().certificates[0]?.notAfter
    this.#failure = { subject: this.#folder, detail, since: now, retryAt: now, notAfter }
  }

  async #readPair(pair: Pair, before: Read | undefined): Promise<Read> {
    const stamp = await stampOf(pair)
    if (before?.stamp === stamp) return before
    if (!pair.hasKey) return { stamp, certificate: undefined, failure: await this.#lonely(pair) }
    try {
      const [chain, key] = await Promise.all([readFile(pair.chain, 'utf8'), readFile(pair.key, 'utf8')])
      const certificate = readCertificate(chain, key)
      this.#log.info('certificate_read', { file: pair.chain, names: certificate.names })
      return { stamp, certificate, failure: undefined }
    } catch (error) {
      this.#log.warn('certificate_unreadable', { file: pair.chain, error: messageOf(error) })
      return {
        stamp,
        certificate: before?.certificate,
        failure: this.#failed(pair, messageOf(error), before),
      }
    }
  }

  /** What is wrong with a file that has no key; nothing when it is no host's certificate, a CA's for one. */
  async #lonely(pair: Pair): Promise<TlsFailure | undefined> {
    const names = await readFile(pair.chain, 'utf8').then(hostsOf, () => [])
    if (names.length === 0) return undefined
    const error = `there is no ${basename(pair.key)} beside it`
    this.#log.warn('certificate_unreadable', { file: pair.chain, error })
    return this.#failed(pair, error, undefined)
  }

  #failed({ chain }: Pair, detail: string, before: Read | undefined): TlsFailure {
    const since = before?.failure?.since ?? this.#now()
    const { notAfter } = before?.certificate ?? {}
    return { subject: chain, detail, since, retryAt: this.#now(), notAfter }
  }
}

/** Certificates by name; of several for one name the one that is good for longest. */
function byName(certificates: Certificate[]): Map<string, Certificate> {
  const found = new Map<string, Certificate>()
  for (const certificate of certificates.sort((a, b) => a.notAfter - b.notAfter)) {
    for (const name of certificate.names) found.set(name, certificate)
  }
  return found
}

async function findPairs(folder: string): Promise<Pair[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(error => {
    throw error.code === 'ENOENT' ? new Error('there is no such folder', { cause: error }) : error
  })
  const inner = entries.filter(entry => entry.isDirectory() || entry.isSymbolicLink())
  const folders = [folder, ...inner.map(({ name }) => join(folder, name))]
  const lists = await Promise.all(folders.map(async at => pairsOf(at, await readdir(at).catch(() => []))))
  return lists.flat()
}

function pairsOf(folder: string, names: string[]): Pair[] {
  const there = new Set(names)
  return names.flatMap(name => {
    const key = name === 'fullchain.pem' ? 'privkey.pem' : `${basename(name).replace(/\.(crt|pem)$/, '')}.key`
    const hasKey = there.has(key)
    // Beside `fullchain.pem` others lie that are parts of it.
    const isPart = !hasKey && name.endsWith('.pem') && name !== 'fullchain.pem' && there.has('fullchain.pem')
    if (!/\.(crt|pem)$/.test(name) || isPart) return []
    return { chain: join(folder, name), key: join(folder, key), hasKey }
  })
}

/** Changes when one of the files does, be it by a link that leads elsewhere. */
async function stampOf({ chain, key }: Pair): Promise<string> {
  const files = await Promise.all([chain, key].map(file => stat(file).catch(() => undefined)))
  return files.map(file => (file ? `${file.ino}:${file.size}:${file.mtimeMs}` : 'none')).join(' ')
}
