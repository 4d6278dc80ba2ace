import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../log.ts'
import { messageOf } from '../../problem.ts'
import { type Certificate, isHostName, readCertificate } from './certificate.ts'
import { writePrivate } from './private-file.ts'

/** The certificates that a CA has issued to this host: one file a name, its key and its chain in one so that they fit. */
export class IssuedCertificates {
  readonly #folder: string
  readonly #log: Log
  readonly #byName = new Map<string, Certificate>()

  constructor(folder: string, log: Log) {
    this.#folder = folder
    this.#log = log
  }

  /** Reads those of earlier runs. A file that cannot be read is passed over: another is issued. */
  async load(): Promise<void> {
    const files = await readdir(this.#folder).catch(() => [])
    for (const file of files) {
      const name = file.slice(0, -SUFFIX.length)
      if (!file.endsWith(SUFFIX) || !isHostName(name)) continue
      try {
        const text = await readFile(join(this.#folder, file), 'utf8')
        this.#byName.set(name, readCertificate(text.slice(text.indexOf(BEGIN)), text))
      } catch (error) {
        this.#log.warn('certificate_unreadable', { file: join(this.#folder, file), error: messageOf(error) })
      }
    }
  }

  get(name: string): Certificate | undefined {
    return this.#byName.get(name)
  }

  list(): [name: string, certificate: Certificate][] {
    return [...this.#byName]
  }

  /** Keeps a new certificate. Rejects when it cannot be written; it is served then until the host ends. */
  async put(name: string, certificate: Certificate): Promise<void> {
    this.#byName.set(name, certificate)
    await writePrivate(this.#file(name), `${certificate.key.trim()}\n${certificate.chain.trim()}\n`)
  }

  async remove(name: string): Promise<void> {
    this.#byName.delete(name)
    await rm(this.#file(name), { force: true }).catch(error =>
      this.#log.warn('certificate_not_removed', { name, error: messageOf(error) }),
    )
  }

  #file(name: string): string {
    return join(this.#folder, name + SUFFIX)
  }
}

const SUFFIX = '.pem'
const BEGIN = '-----BEGIN CERTIFICATE-----'
