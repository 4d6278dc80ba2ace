import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPassword, isPassword, PASSWORD_HASH } from './passwords.ts'

test('a password is known by its hash, which says nothing of it and is another each time', async () => {
  const hash = await hashPassword('correct horse')
  assert.match(hash, PASSWORD_HASH)
  assert.notEqual(await hashPassword('correct horse'), hash)
  assert.ok(await isPassword('correct horse', hash))
  assert.ok(!(await isPassword('correct Horse', hash)))
  assert.ok(!(await isPassword('', hash)))
})

test('a letter with an accent is the same however the keyboard makes it', async () => {
  assert.ok(await isPassword('cafe\u0301 noir', await hashPassword('caf\u00e9 noir')))
})

test('where there is no hash no password is right', async () => {
  assert.ok(!(await isPassword('', undefined)))
  assert.ok(!(await isPassword('anything', undefined)))
})
