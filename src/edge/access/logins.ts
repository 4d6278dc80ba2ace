import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import pLimit from 'p-limit'
import { isPassword } from '../../passwords.ts'
import { Buckets } from './rate.ts'

/** Hashes of passwords by user; null: none was set, and nobody comes in by that name. */
export type Users = ReadonlyMap<string, string | null>

/** Whether somebody comes in. `wait`: too many wrong passwords came from there, for that many ms. */
export type Verdict = 'in' | 'out' | 'busy' | { readonly wait: number }

/** Wrong passwords that one address may send. */
const ATTEMPTS = { requests: 10, per: 60_000, burst: 10 }
/** Longer than a user's name and a password may be together. */
const LONGEST = 512

/** All checks of passwords of this process: each takes a core for a while, and one core is all that they get. */
const checks = pLimit(1)
const mostChecks = 16
/** Of them those of one app: who tries its passwords keeps nobody out of the others. */
const mostOfOne = 8

/** What digests are made with; gone with the process. */
const KEY = randomBytes(32)

/**
 * Basic authentication (RFC 7617) at what it may cost: a password is checked against its hash once, and known again by
 * a keyed digest afterwards; wrong ones are few per address, and checked one at a time.
 */
export class Logins {
  /** A digest of the password that each user came in with last, and of the hash that it was checked against. */
  readonly #known = new Map<string, Buffer>()
  /** The checks under way: a browser sends the same password many times at once. */
  readonly #checking = new Map<string, Promise<Verdict>>()
  readonly #attempts = new Buckets(ATTEMPTS)
  readonly #isPassword: typeof isPassword

  /** @param verify looks whether a password is the one of a hash; tests pass their own */
  constructor(verify = isPassword) {
    this.#isPassword = verify
  }

  /**
   * @param authorization the request's header
   * @param origin who is counted as one for wrong passwords
   * @param now ms that only grow
   */
  check(
    authorization: string | undefined,
    users: Users,
    origin: string,
    now: number,
  ): Verdict | Promise<Verdict> {
    const login = readBasic(authorization)
    if (!login) return 'out'
    const hash = users.get(login.user) ?? undefined
    const digest = digestOf(login, hash)
    const known = this.#known.get(login.user)
    if (hash !== undefined && known !== undefined && timingSafeEqual(known, digest)) return 'in'
    const key = digest.toString('base64')
    const underway = this.#checking.get(key)
    if (underway) return underway
    const isBusy = checks.activeCount + checks.pendingCount >= mostChecks
    if (isBusy || this.#checking.size >= mostOfOne) return 'busy'
    const wait = this.#attempts.take(origin, now)
    if (wait > 0) return { wait }
    const checking = checks(() => this.#isPassword(login.password, hash))
      .then((isRight): Verdict => {
        if (!isRight) return 'out'
        this.#known.set(login.user, digest)
        this.#attempts.giveBack(origin)
        return 'in'
      })
      .finally(() => this.#checking.delete(key))
    this.#checking.set(key, checking)
    return checking
  }

  /** Forgets whoever is no user any more. */
  keep(users: Users): void {
    for (const user of this.#known.keys()) if (!users.has(user)) this.#known.delete(user)
  }
}

type Login = { user: string; password: string }

function readBasic(authorization: string | undefined): Login | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined || encoded.length > LONGEST * 1.5) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Told from any other by every part of it; of another hash it is another, so that a new password ends the old one. */
function digestOf({ user, password }: Login, hash: string | undefined): Buffer {
  return createHmac('sha256', KEY)
    .update(JSON.stringify([user, password, hash ?? null]))
    .digest()
}
