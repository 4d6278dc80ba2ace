import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Manifest } from './manifest.ts'

test('a dormice.json may bring rules, but no passwords: they would be in the image', () => {
  const rules = { deny: ['2001:db8::/32'], rate: '20/s', maxBody: '1m' }
  const { data } = Manifest.safeParse({ access: rules })
  assert.deepEqual(data?.access, {
    deny: ['2001:db8::/32'],
    rate: { requests: 20, per: 1000, burst: 20 },
    maxBody: 1024 * 1024,
  })
  const { error } = Manifest.safeParse({ access: { ...rules, auth: { anna: 'hunter22' } } })
  assert.deepEqual(
    error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`),
    ['access.auth: passwords do not belong in an upload; set them with "dormice access set"'],
  )
})

test('rules as they are stored are read as they are', () => {
  const hash = `$scrypt$ln=14,r=8,p=5$${'a'.repeat(22)}$${'b'.repeat(43)}`
  assert.ok(!Manifest.safeParse({ access: { auth: { anna: hash } } }).success)
  const stored = { rate: { requests: 5, per: 10_000, burst: 9 }, queueTimeout: 5000, maxBody: 1000 }
  assert.deepEqual(Manifest.parse({ access: stored }).access, stored)
})
