import { createRequire } from 'node:module'

/*
 * drizzle as CommonJS: importing its ESM build, whose modules re-export each other in circles, takes half a second
 * and leaves 100 MB that the process never gives back.
 */
const require = createRequire(import.meta.url)

const core = require('drizzle-orm') as typeof import('drizzle-orm')
const sqlite = require('drizzle-orm/sqlite-core') as typeof import('drizzle-orm/sqlite-core')
const driver = require('drizzle-orm/better-sqlite3') as typeof import('drizzle-orm/better-sqlite3')
const migrator =
  require('drizzle-orm/better-sqlite3/migrator') as typeof import('drizzle-orm/better-sqlite3/migrator')

export const { and, asc, desc, eq, getTableColumns, gt, gte, inArray, isNull, lt, max, ne, sql } = core
export const { blob, index, integer, primaryKey, real, sqliteTable, text } = sqlite
export const { drizzle } = driver
export const { migrate } = migrator
