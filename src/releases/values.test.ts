import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Duration, parseDuration, parseSize, Size } from './values.ts'

test('durations are whole milliseconds', () => {
  const durations: [string, number | undefined][] = [
    ['250ms', 250],
    ['2.3m', 138_000],
    ['1000.5ms', 1001],
    ['0s', 0],
    ['5', undefined],
    ['-1s', undefined],
  ]
  for (const [text, ms] of durations) {
    assert.equal(parseDuration(text), ms, text)
    assert.equal(Duration.safeParse(text).data, ms, text)
  }
  for (const text of [`${'9'.repeat(400)}d`, '200000000000d'])
    assert.equal(Duration.safeParse(text).success, false, text)
})

test('a size that is none as a number of bytes is none as a text', () => {
  const sizes: [string, number | undefined][] = [
    ['128m', 128 * 1024 * 1024],
    ['1.5k', 1536],
    ['99999999999999t', undefined],
    [`${'9'.repeat(400)}`, undefined],
    ['1e9', undefined],
  ]
  for (const [text, bytes] of sizes) assert.equal(parseSize(text), bytes, text)
  for (const none of ['0', '0g', '0.5', '99999999999999t', 0, -1, 2 ** 53]) {
    assert.equal(Size.safeParse(none).success, false, String(none))
  }
})
