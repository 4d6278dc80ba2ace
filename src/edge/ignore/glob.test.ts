import assert from 'node:assert/strict'
import { test } from 'node:test'
import { glob, globWithin } from './glob.ts'

for (const [pattern, of, notOf] of [
  ['/health', ['/health'], ['/health/', '/healt', '/x/health', '/Health']],
  ['/wp-*', ['/wp-', '/wp-login.php', '/wp-a/b'], ['/wp', '/a/wp-']],
  ['*.php', ['.php', '/a/b.php'], ['/a.php5', '/a.PHP']],
  ['/a*b*c', ['/abc', '/a1b2c', '/abbcc', '/abcbc'], ['/ac', '/acb', '/abcd']],
  ['/ab*ba', ['/abba', '/ab-ba'], ['/aba', '/ab']],
  ['*', ['', '/'], []],
  ['/**/x', ['//x', '/a/b/x'], ['/x']],
] as const) {
  test(`what ${pattern} stands for`, () => {
    const isOf = glob(pattern)
    for (const text of of) assert.ok(isOf(text), text)
    for (const text of notOf) assert.ok(!isOf(text), text)
  })
}

test('a part of a header is found anywhere in it, in any case', () => {
  const isIn = globWithin('Uptime*Robot')
  assert.ok(isIn('Mozilla/5.0 (compatible; UPTIMEROBOT/2.0)'))
  assert.ok(isIn('uptime-robot'))
  assert.ok(!isIn('robot uptime'))
})

test('a text made to cost much against a pattern of many stars costs little', () => {
  const isOf = glob(`/${'*a'.repeat(90)}*b`)
  const text = `/${'a'.repeat(8_000)}`
  const began = performance.now()
  assert.ok(!isOf(text))
  assert.ok(performance.now() - began < 100)
})
