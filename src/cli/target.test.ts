import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import { lockFolder } from '../store/lock.ts'
import { readTarget, USUAL_URL } from './target.ts'
import { otherName, rejected, unreachable } from './unreachable.ts'

const elsewhere = 'http://dormice.localhost:9090'

/** A data folder whose host runs, and has noted that address. */
function withHost(url: string) {
  const folder = newFolder('target')
  const lock = lockFolder(join(folder, 'lock'))
  writeFileSync(join(folder, 'admin-token'), 't0ken\n')
  lock.note(url)
  return { folder, [Symbol.dispose]: () => lock[Symbol.dispose]() }
}

test('a host at another address of this machine is named where the usual one is of no use', () => {
  using host = withHost(elsewhere)
  const { folder } = host
  const target = readTarget({ DORMICE_DATA: folder })
  assert.deepEqual([target.url.origin, target.noted], [USUAL_URL, { url: elsewhere, folder }])
  const advice = `the host on ${folder} is at ${elsewhere}: set DORMICE_URL to that if it runs`
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  assert.equal(unreachable(target, refused).message, `nothing answers at ${USUAL_URL}; ${advice}`)
  assert.equal(otherName(target).message, `the host at ${USUAL_URL} has another name; ${advice}`)
  const theirs = `${USUAL_URL} does not accept the token of ${folder}/admin-token`
  assert.equal(rejected(target).message, `${theirs}; ${advice}`)
  const given = readTarget({ DORMICE_DATA: folder, DORMICE_TOKEN: 'other' })
  assert.match(rejected(given).message, /of DORMICE_TOKEN; set DORMICE_TOKEN, or DORMICE_DATA to/)
})

test('it is not where an address is set, where it is the usual one, or where no host runs', () => {
  using host = withHost(elsewhere)
  using usual = withHost(USUAL_URL)
  const noted = [
    readTarget({ DORMICE_DATA: host.folder, DORMICE_URL: 'http://dormice.localhost:7070' }),
    readTarget({ DORMICE_DATA: usual.folder }),
    readTarget({ DORMICE_DATA: newFolder('target') }),
  ].map(target => target.noted)
  assert.deepEqual(noted, [undefined, undefined, undefined])
})
