import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { messageOf } from '../../problem.ts'

/** A certificate with its key. Times in epoch ms. */
export type Certificate = {
  /** DNS names it is for, lower case; one that begins with `*.` stands for all names with one label more. */
  names: readonly string[]
  notBefore: number
  notAfter: number
  /** PEM: the certificate itself first, then the ones that vouch for it. */
  chain: string
  /** PEM. */
  key: string
}

/**
 * A certificate from its PEM texts.
 *
 * @throws {Error} saying what is wrong with them
 */
export function readCertificate(chain: string, key: string): Certificate {
  const first = readFirst(chain)
  if (!first.checkPrivateKey(readPrivateKey(key))) throw new Error('the key is not the certificate’s')
  const names = namesOf(first)
  if (names.length === 0) throw new Error('the certificate names no host (subjectAltName)')
  try {
    createSecureContext({ cert: chain, key })
  } catch (error) {
    // A key that is too short, for one.
    throw new Error(`the certificate cannot be served: ${messageOf(error)}`)
  }
  return {
    names,
    notBefore: first.validFromDate.getTime(),
    notAfter: first.validToDate.getTime(),
    chain,
    key,
  }
}

/** The DNS names in a certificate's PEM text, lower case; none when it is no certificate, or is for no host. */
export function hostsOf(chain: string): string[] {
  try {
    return namesOf(readFirst(chain))
  } catch {
    return []
  }
}

/** Names under which a certificate for this host is looked up: its own, and the wildcard one level up. */
export function namesFor(host: string): [string, string] {
  return [host, `*${host.slice(host.indexOf('.'))}`]
}

/** When a certificate is to be renewed, epoch ms: after two thirds of its lifetime, whatever that is. */
export function renewalTime({ notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3
}

/** Whether a text is a DNS name in lower case, as certificates are issued for and files are named by. */
export function isHostName(text: string): boolean {
  return /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(
    text,
  )
}

function readFirst(chain: string): X509Certificate {
  try {
    return new X509Certificate(chain)
  } catch {
    throw new Error('the certificate is not a PEM certificate')
  }
}

function readPrivateKey(key: string): KeyObject {
  try {
    return createPrivateKey(key)
  } catch {
    throw new Error('the key is not a PEM private key without a passphrase')
  }
}

function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:^|, )DNS:([^,"]+)/g)].map(match => String(match[1]).toLowerCase())
}
