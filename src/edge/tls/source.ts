import type { Certificate } from './certificate.ts'

/** Where the certificates of the edge come from. */
export type CertificateSource = AsyncDisposable & {
  readonly mode: 'auto' | 'files'
  /**
   * The certificate for a host that a visitor has named in the handshake; undefined when there is none. A promise
   * while one is being obtained.
   * @param host lower case
   */
  find(host: string): Certificate | undefined | Promise<Certificate | undefined>
  /** Whether visitors who are sent to HTTPS at this host find a certificate there, as far as that is known. */
  offers(host: string): boolean
  /** The answer to an ACME challenge (HTTP-01) that is under way, by its token. */
  challenge(token: string): string | undefined
  /** Begins to renew what is to be renewed. @param ahead a host that is not to wait for its first visitor */
  start(ahead: string): void
  /** How things stand, for `doctor`. */
  status(): TlsStatus
}

export type TlsStatus = {
  /** Certificates at hand, the ones that end first first. */
  certificates: { names: readonly string[]; notAfter: number }[]
  /** What goes wrong at the moment. */
  failures: TlsFailure[]
}

/** A certificate that could not be obtained or read. */
export type TlsFailure = {
  /** The host's name, or a file. */
  subject: string
  /** What went wrong, in the words of whoever said so. */
  detail: string
  /** Epoch ms since when it fails. */
  since: number
  /** Epoch ms of the next attempt, at the earliest. */
  retryAt: number
  /** Epoch ms until when a certificate from before is good (or was); undefined when there is none. */
  notAfter: number | undefined
}
