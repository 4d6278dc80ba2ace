import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { and, asc, eq } from './drizzle.ts'
import type { Domain, Proof } from './records.ts'
import { domains } from './schema.ts'

/**
 * Which row is meant. Whoever has waited for something since it read one means that very one, and not one
 * that was added after that was removed.
 */
export type DomainKey = Pick<Domain, 'domain' | 'app' | 'createdAt'>

/** The apps' custom domains. Removing an app removes its own. */
export class DomainStore {
  readonly #db: BetterSQLite3Database

  /** @param db open and migrated; it stays the caller's to close */
  constructor(db: BetterSQLite3Database) {
    this.#db = db
  }

  /** All domains by name. */
  all(): Domain[] {
    return this.#db.select().from(domains).orderBy(asc(domains.domain)).all()
  }

  find(domain: string): Domain | undefined {
    return this.#db.select().from(domains).where(eq(domains.domain, domain)).get()
  }

  /**
   * Adds a domain, in place of another app's where one is given, whose twin it is or was. False, and nothing
   * is changed, when that is no longer as it was, or somebody else has the name.
   */
  add(domain: Domain, instead?: DomainKey): boolean {
    return this.#db.transaction(() => {
      const holder = this.find(domain.domain)
      if (holder && holder.domain !== instead?.domain) return false
      if (instead && !this.#yield(instead, domain.domain)) return false
      return this.#db.insert(domains).values(domain).onConflictDoNothing().run().changes > 0
    })
  }

  /** True when the row went, or, where only its twin is wanted, gave that up. */
  #yield(from: DomainKey, wanted: string): boolean {
    const done =
      from.domain === wanted
        ? this.#db.delete(domains).where(is(from))
        : this.#db.update(domains).set({ twinProof: null }).where(is(from))
    return done.run().changes > 0
  }

  /** The domain was shown to be its app's. False when it was removed meanwhile. */
  verified(key: DomainKey, proof: Proof, now: number): boolean {
    return this.#db.update(domains).set({ proof, verifiedAt: now }).where(is(key)).run().changes > 0
  }

  /** Its twin was, too. False when it was removed meanwhile. */
  twinVerified(key: DomainKey, twinProof: Proof): boolean {
    return this.#db.update(domains).set({ twinProof }).where(is(key)).run().changes > 0
  }

  /** True when the app had that domain. */
  remove(app: string, domain: string): boolean {
    const own = and(eq(domains.app, app), eq(domains.domain, domain))
    return this.#db.delete(domains).where(own).run().changes > 0
  }
}

function is({ domain, app, createdAt }: DomainKey) {
  return and(eq(domains.domain, domain), eq(domains.app, app), eq(domains.createdAt, createdAt))
}
