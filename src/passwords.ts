import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/**
 * What a password is hashed with, of the settings that the OWASP Password Storage Cheat Sheet has for scrypt: 16 MiB of
 * memory and about 0.2 s of one core, on a thread of Node's pool.
 */
const COST = { N: 2 ** 14, r: 8, p: 5 }
const SALT_BYTES = 16
const HASH_BYTES = 32
const PREFIX = `$scrypt$ln=14,r=${COST.r},p=${COST.p}$`

/** A hash as {@link hashPassword} writes it: no other cost is accepted, for a host would pay it. */
export const PASSWORD_HASH = /^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/

const derive = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt)

/** Hashes a password for storage, as PHC text: `$scrypt$ln=14,r=8,p=5$<salt>$<hash>`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password.normalize('NFC'), salt, HASH_BYTES, COST)
  return `${PREFIX}${plainBase64(salt)}$${plainBase64(hash)}`
}

/**
 * Whether the password is the one that the hash was made of. Takes as long where there is no hash: how long it took
 * does not tell whether there is such a user.
 */
export async function isPassword(password: string, hash: string | undefined): Promise<boolean> {
  const [salt = '', expected = ''] = hash === undefined ? [] : hash.slice(PREFIX.length).split('$')
  const given = await derive(password.normalize('NFC'), Buffer.from(salt, 'base64'), HASH_BYTES, COST)
  const wanted = Buffer.from(expected, 'base64')
  return wanted.length === HASH_BYTES && timingSafeEqual(given, wanted)
}

/** Base64 without padding, as PHC text has it. */
function plainBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
