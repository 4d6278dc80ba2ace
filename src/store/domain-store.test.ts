import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { newFolder } from '../../test/support/folder.ts'
import type { Domain } from './records.ts'
import { Store } from './store.ts'

const row = (domain: string, app = 'notes', more: Partial<Domain> = {}): Domain => ({
  domain,
  app,
  createdAt: 1,
  proof: null,
  verifiedAt: null,
  twinProof: null,
  ...more,
})

function newStore(file = join(newFolder('domains'), 'dormice.db')): Store {
  const store = new Store(file)
  for (const app of ['notes', 'shop']) store.createApp(app, 1)
  return store
}

test('a domain has one app, and goes with it', () => {
  using store = newStore()
  const { domains } = store
  assert.equal(domains.add(row('a.test')), true)
  assert.equal(domains.add(row('a.test', 'shop')), false)
  assert.equal(domains.remove('shop', 'a.test'), false)
  domains.add(row('b.test', 'shop'))
  store.removeApp('notes')
  assert.deepEqual(domains.all(), [row('b.test', 'shop')])
})

test('a domain takes another app’s place only while that is as it was', () => {
  using store = newStore()
  const { domains } = store
  domains.add(row('a.test'))
  assert.equal(domains.add(row('a.test', 'shop'), row('a.test', 'notes', { createdAt: 9 })), false)
  assert.equal(domains.find('a.test')?.app, 'notes')
  assert.equal(domains.add(row('a.test', 'shop'), row('a.test')), true)
  assert.equal(domains.find('a.test')?.app, 'shop')
})

test('a domain that was another’s twin is no longer', () => {
  using store = newStore()
  const { domains } = store
  const apex = row('a.test', 'notes', { proof: 'txt', verifiedAt: 2, twinProof: 'http' })
  domains.add(apex)
  domains.add(row('www.a.test', 'shop'), apex)
  assert.deepEqual(domains.all(), [{ ...apex, twinProof: null }, row('www.a.test', 'shop')])
})

test('a domain keeps its twin where another app has that already', () => {
  using store = newStore()
  const { domains } = store
  const apex = row('a.test', 'notes', { proof: 'txt', verifiedAt: 2, twinProof: 'http' })
  domains.add(apex)
  domains.add(row('www.a.test', 'notes'))
  assert.equal(domains.add(row('www.a.test', 'shop'), apex), false)
  assert.deepEqual(domains.all(), [apex, row('www.a.test', 'notes')])
})

test('what was shown is not noted on a domain that was removed and added again', () => {
  using store = newStore()
  const { domains } = store
  domains.add(row('a.test'))
  domains.remove('notes', 'a.test')
  domains.add(row('a.test', 'notes', { createdAt: 5 }))
  assert.equal(domains.verified(row('a.test'), 'txt', 6), false)
  assert.equal(domains.twinVerified(row('a.test'), 'txt'), false)
  assert.equal(domains.find('a.test')?.proof, null)
})

test('a host that starts again knows what was shown', () => {
  const file = join(newFolder('domains'), 'dormice.db')
  {
    using store = newStore(file)
    store.domains.add(row('a.test'))
    store.domains.verified(row('a.test'), 'cname', 7)
    store.domains.twinVerified(row('a.test'), 'http')
  }
  using store = newStore(file)
  assert.deepEqual(store.domains.all(), [
    row('a.test', 'notes', { proof: 'cname', verifiedAt: 7, twinProof: 'http' }),
  ])
})
