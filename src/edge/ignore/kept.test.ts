import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headersToKeep, Kept, mayKeep, Shelves } from './kept.ts'

const KiB = 1024
const MiB = 1024 * KiB

function answer(bytes: number) {
  return { headers: [], body: Buffer.alloc(bytes), coding: undefined, at: 0 }
}

test('of one app as much is kept as its bound allows, what was asked for longest ago goes first', () => {
  const kept = new Kept(new Shelves())
  for (let n = 0; n < 20; n++) {
    kept.keep(`/${n}`, answer(60 * KiB))
    kept.find('/0')
  }
  assert.ok(kept.bytes <= 512 * KiB, `${kept.bytes} bytes`)
  assert.deepEqual([!!kept.find('/0'), !!kept.find('/1'), !!kept.find('/19')], [true, false, true])
  const many = new Kept(new Shelves())
  for (let n = 0; n < 1_000; n++) many.keep(`/?${n}`, answer(0))
  assert.ok(many.bytes >= 64 * KiB && many.bytes < 65 * KiB, `${many.bytes} bytes`)
})

test('long addresses and headers count as well', () => {
  const kept = new Kept(new Shelves())
  const headers = ['Link', 'x'.repeat(10 * KiB)]
  for (let n = 0; n < 64; n++) kept.keep(`/?${n}${'y'.repeat(8 * KiB)}`, { ...answer(0), headers })
  assert.ok(kept.bytes <= 512 * KiB && kept.bytes > 480 * KiB, `${kept.bytes} bytes`)
  assert.equal(kept.find(`/?0${'y'.repeat(8 * KiB)}`), undefined)
})

test('of all apps together too, and what is let go of counts no longer', () => {
  const shelves = new Shelves()
  const apps = Array.from({ length: 100 }, () => new Kept(shelves))
  for (const kept of apps) for (let n = 0; n < 8; n++) kept.keep(`/${n}`, answer(60 * KiB))
  assert.ok(shelves.bytes <= 16 * MiB && shelves.bytes > 15 * MiB, `${shelves.bytes} bytes`)
  assert.equal(
    apps.reduce((sum, { bytes }) => sum + bytes, 0),
    shelves.bytes,
  )
  assert.deepEqual([apps[0]?.bytes, apps.at(-1)!.bytes > 0], [0, true])
  for (const kept of apps) kept.clear()
  assert.equal(shelves.bytes, 0)
})

for (const [what, request, status, headers] of [
  ['an answer that is no 200', {}, 404, {}],
  ['part of an answer', {}, 206, {}],
  ['an answer that sets a cookie', {}, 200, { 'set-cookie': ['a=b'] }],
  ['a private answer', {}, 200, { 'cache-control': 'max-age=5, private' }],
  ['an answer that nobody is to store', {}, 200, { 'cache-control': 'No-Store' }],
  ['an answer that is another for others', {}, 200, { vary: 'Accept-Encoding, Cookie' }],
  ['an answer that says to be large', {}, 200, { 'content-length': '65537' }],
  ['an answer for who is logged in', { authorization: 'Basic eDp5' }, 200, {}],
  ['an answer for who has a cookie', { cookie: 'a=b' }, 200, {}],
] as const) {
  test(`${what} is not kept`, () => {
    assert.equal(mayKeep(request, status, headers as Record<string, string>), false)
  })
}

test('an answer for anybody is kept, with the headers that are about its content', () => {
  assert.ok(
    mayKeep({}, 200, {
      vary: 'accept-encoding',
      'cache-control': 'public, max-age=60',
      'content-length': '65536',
    }),
  )
  const raw = ['Content-Type', 'a/b', 'Content-Length', '1', 'Date', 'x', 'ETag', '"1"', 'Server', 'me']
  assert.deepEqual(headersToKeep(raw.map(Buffer.from)), ['Content-Type', 'a/b', 'ETag', '"1"'])
})
