import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import Database from 'better-sqlite3'
import { packageRoot } from '../src/paths.ts'
import { Store } from '../src/store/store.ts'

describe('a data folder that cannot be used ends the start with one line, and is as it was', () => {
  let data: string
  before(() => {
    data = mkdtempSync(join(tmpdir(), 'dormice-refused-'))
  })
  beforeEach(() => {
    for (const name of readdirSync(data)) rmSync(join(data, name))
    using store = new Store(join(data, 'dormice.db'))
    store.createApp('notes', 1)
    store.setEnv('notes', 'KEY', 'hunter2', 1)
  })
  after(() => rmSync(data, { recursive: true }))

  /** Every file but the lock, which says that a host is looking. */
  function everything(): string[] {
    return readdirSync(data)
      .filter(name => name !== 'lock')
      .map(name => {
        const { mode } = statSync(join(data, name))
        return `${name} ${mode.toString(8)} ${readFileSync(join(data, name), 'hex')}`
      })
  }

  /** @param said what the one line says; what the log says in JSON comes before it */
  function refuses(said: string): void {
    const before = everything()
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(packageRoot, 'src/cli/main.ts'), 'serve'],
      {
        encoding: 'utf8',
        timeout: 60_000,
        env: {
          ...process.env,
          DORMICE_DATA: data,
          DORMICE_LISTEN: '127.0.0.1:0',
          // Whether there is an engine makes no difference.
          DOCKER_HOST: `unix://${data}/none.sock`,
        },
      },
    )
    assert.equal(status, 1, stderr)
    assert.equal(stdout, '')
    const lines = stderr.split('\n').filter(line => line !== '' && !line.startsWith('{'))
    assert.deepEqual(lines, [`error: ${said}`])
    assert.deepEqual(everything(), before)
  }

  test('a newer Dormice wrote it', () => {
    const database = new Database(join(data, 'dormice.db'))
    try {
      // Still open while the host looks, so that the newer migration is in the database's log alone.
      database
        .prepare("insert into __drizzle_migrations (hash, created_at) values ('x', ?)")
        .run(Date.UTC(2100, 0))
      assert.deepEqual(
        readdirSync(data).filter(name => name.startsWith('dormice.db')),
        ['dormice.db', 'dormice.db-shm', 'dormice.db-wal'],
      )
      refuses(
        `${data}/dormice.db was written by a newer Dormice than this one; start that version, or set DORMICE_DATA to another folder`,
      )
    } finally {
      database.close()
    }
  })

  test('its database is another kind of file', () => {
    for (const name of readdirSync(data)) if (name.startsWith('dormice.db')) rmSync(join(data, name))
    writeFileSync(join(data, 'dormice.db'), 'dear diary', { mode: 0o644 })
    refuses(
      `${data}/dormice.db cannot be read as a database (file is not a database); put a backup of it in its place, or set DORMICE_DATA to another folder`,
    )
  })

  test('its key is gone', () => {
    rmSync(join(data, 'key'))
    refuses(
      `the key file ${data}/key is missing, without which the environment values in ${data}/dormice.db cannot be read; put it back from a backup, or give those values up with: sqlite3 ${data}/dormice.db "DELETE FROM env"`,
    )
  })
})
