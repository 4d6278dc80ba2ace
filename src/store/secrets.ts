import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'

const cipher = 'aes-256-gcm'
const prefix = 'v1:'
const nonceBytes = 12
const tagBytes = 16

/** Where a secret is kept, e.g. `['env', app, key]`: what is sealed for one place does not open in another. */
export type Place = readonly string[]

/**
 * Seals values for the database: AES-256-GCM with a random 96-bit nonce for each, its place as additional
 * authenticated data (NIST SP 800-38D). As text: `v1:` and the base64 of nonce, ciphertext and tag.
 */
export class Secrets {
  readonly #key: KeyObject

  /** @param key 32 bytes */
  constructor(key: KeyObject) {
    this.#key = key
  }

  seal(value: string, place: Place): string {
    const nonce = randomBytes(nonceBytes)
    const seal = createCipheriv(cipher, this.#key, nonce, { authTagLength: tagBytes }).setAAD(bytesOf(place))
    const parts = [nonce, seal.update(value, 'utf8'), seal.final(), seal.getAuthTag()]
    return prefix + Buffer.concat(parts).toString('base64')
  }

  /** The value; undefined when it was not sealed with this key for this place. */
  open(sealed: string, place: Place): string | undefined {
    const bytes = Buffer.from(sealed.slice(prefix.length), 'base64')
    if (!sealed.startsWith(prefix) || bytes.length < nonceBytes + tagBytes) return undefined
    const nonce = bytes.subarray(0, nonceBytes)
    const open = createDecipheriv(cipher, this.#key, nonce, { authTagLength: tagBytes })
      .setAAD(bytesOf(place))
      .setAuthTag(bytes.subarray(-tagBytes))
    try {
      const value = open.update(bytes.subarray(nonceBytes, -tagBytes))
      return Buffer.concat([value, open.final()]).toString('utf8')
    } catch {
      return undefined
    }
  }
}

/** As JSON, so that no two places are the same bytes. */
function bytesOf(place: Place): Buffer {
  return Buffer.from(JSON.stringify(place))
}

/** The place of an app's environment variable. */
export function envPlace(app: string, key: string): Place {
  return ['env', app, key]
}
