import type Database from 'better-sqlite3'
import { LRUCache } from 'lru-cache'

/** How many are kept: more than there are queries, but for those with lists of every length. */
const most = 200

/**
 * The same database, which compiles each SQL text once. Drizzle asks for a statement with every query, and what one
 * holds is unknown to V8, which lets thousands of them lie: 150 MB after a start with 1,000 apps.
 */
export function keepingStatements(database: Database.Database): Database.Database {
  const kept = new LRUCache<string, Database.Statement>({ max: most })
  const prepare = (source: string) => {
    const statement = kept.get(source) ?? database.prepare(source)
    kept.set(source, statement)
    // Who had it before may have asked for rows as arrays, which a statement remembers.
    return statement.reader ? statement.raw(false) : statement
  }
  return Object.create(database, { prepare: { value: prepare } })
}
