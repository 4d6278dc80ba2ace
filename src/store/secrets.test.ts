import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { envPlace, Secrets } from './secrets.ts'

const newKey = () => createSecretKey(randomBytes(32))
const place = envPlace('notes', 'API_KEY')

test('what is sealed opens as it was, whatever it holds', () => {
  const secrets = new Secrets(newKey())
  for (const value of ['', 'v1:', 'hunter2', 'a\nb\t"\\', 'Größe 🐿', 'x'.repeat(64 * 1024)]) {
    const sealed = secrets.seal(value, place)
    assert.match(sealed, /^v1:[A-Za-z0-9+/]+=*$/)
    assert.equal(secrets.open(sealed, place), value)
  }
})

test('the same value sealed twice is two texts', () => {
  const secrets = new Secrets(newKey())
  assert.notEqual(secrets.seal('hunter2', place), secrets.seal('hunter2', place))
})

test('a value that was moved to another app or variable does not open', () => {
  const secrets = new Secrets(newKey())
  const sealed = secrets.seal('hunter2', place)
  for (const [app, key] of [
    ['other', 'API_KEY'],
    ['notes', 'API_KEX'],
    ['notesA', 'PI_KEY'],
    ['', 'notesAPI_KEY'],
  ] as const) {
    assert.equal(secrets.open(sealed, envPlace(app, key)), undefined)
  }
})

test('a value with any bit changed, cut short, or of another key does not open', () => {
  const secrets = new Secrets(newKey())
  const sealed = secrets.seal('hunter2', place)
  const bytes = Buffer.from(sealed.slice(3), 'base64')
  const text = (some: Buffer) => `v1:${some.toString('base64')}`
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assert.equal(secrets.open(text(changed), place), undefined, `bit ${bit}`)
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(secrets.open(text(bytes.subarray(0, length)), place), undefined, `${length} bytes`)
  }
  assert.equal(new Secrets(newKey()).open(sealed, place), undefined)
  for (const other of ['hunter2', '', sealed.slice(3), sealed.replace('v1', 'v2')]) {
    assert.equal(secrets.open(other, place), undefined)
  }
})
